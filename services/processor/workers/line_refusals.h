#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_REFUSALS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_REFUSALS_H_

#include "services/processor/workers/parcel.h"

namespace msgproc::processor {

// Takes out of a parcel, before it is sent, the messages that cannot travel as
// lines. Whether none is left.
bool TakeOutRefusals(Parcel* parcel);

// Puts an Error (INVALID_ARGUMENT) in the place of each, once the others are
// answered.
void PutInRefusals(Parcel* parcel);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_REFUSALS_H_

#include "services/base/state_message.h"

namespace msgproc::base {

void WriteDumps(const std::vector<StateDump>& dumps,
                admin::v1::DumpStateResponse* response) {
  for (const StateDump& dump : dumps) {
    admin::v1::StateMachine* const machine = response->add_machines();
    machine->set_name(dump.machine());
    for (const StateDump::Field& field : dump.fields()) {
      admin::v1::StateField* const written = machine->add_fields();
      written->set_name(field.name);
      written->set_value(field.value);
    }
  }
}

}  // namespace msgproc::base

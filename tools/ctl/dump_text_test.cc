#include "tools/ctl/dump_text.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"

namespace msgproc::ctl {
namespace {

void AddField(const std::string& name, const std::string& value,
              admin::v1::StateMachine* machine) {
  admin::v1::StateField* const field = machine->add_fields();
  field->set_name(name);
  field->set_value(value);
}

TEST(DumpTextTest, MachinesHaveHeadingsAndTheirFieldsStandBelow) {
  admin::v1::DumpStateResponse dump;
  admin::v1::StateMachine* machine = dump.add_machines();
  machine->set_name("processor::Session");
  AddField("epoch", "3", machine);
  AddField("accepted_through", "17", machine);
  dump.add_machines()->set_name("processor::InlineExecutor");
  machine = dump.add_machines();
  machine->set_name("processor::StreamState");
  AddField("drained_for", "", machine);
  EXPECT_EQ(DumpLines(dump),
            "processor::Session\n"
            "  epoch             3\n"
            "  accepted_through  17\n"
            "\n"
            "processor::InlineExecutor\n"
            "\n"
            "processor::StreamState\n"
            "  drained_for  -\n");
}

TEST(DumpTextTest, NothingWritesOnTheTerminal) {
  admin::v1::DumpStateResponse dump;
  admin::v1::StateMachine* const machine = dump.add_machines();
  machine->set_name("a\nb");
  AddField("c\td", "\x1b[2J", machine);
  const std::string text = DumpLines(dump);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\t'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(DumpTextTest, OfAServerThatSaysNothingThereIsNothing) {
  EXPECT_EQ(DumpLines({}), "");
}

}  // namespace
}  // namespace msgproc::ctl

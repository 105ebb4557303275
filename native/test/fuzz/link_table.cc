#include "../../kernel/link_table.h"

#include <cerrno>

#include "../../kernel/system_error.h"
#include "netlink_answers.h"

namespace dropscope {
namespace {

// Calls what asks the kernel, which may refuse, or answer with nonsense: a SystemError.
template <typename Ask>
void ask(Ask question) {
  try {
    question();
  } catch (const SystemError&) {
    // It is told.
  }
}

void ask_everything(Input input) {
  const auto requests = input.take<uint8_t>();
  const auto kind = (requests & 8) != 0 ? LinkTable::Request::kLink : LinkTable::Request::kStats;
  LinkTable table({}, kind);
  answer_with(input);
  if ((requests & 1) != 0) ask([&] { table.read(7); });
  if ((requests & 2) != 0) ask([&] { table.read_all(); });
  if ((requests & 4) != 0) ask([&] { table.index_of("lo"); });
}

}  // namespace
}  // namespace dropscope

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dropscope::ask_everything({data, size});
  return 0;
}

#include "../kernel/send_tally.h"

#include <cerrno>
#include <limits>

#include "check.h"

namespace dropscope {
namespace {

// ENOTSUPP of include/linux/errno.h, which errno(3) does not have.
constexpr int kNotSupported = 524;

void counts_each_error_as_itself() {
  SendTally tally;
  tally.refuse(ENOBUFS, 2);
  tally.refuse(kNotSupported, 3);
  tally.refuse(EIO, 0);
  SendCounts counts;
  tally.add_to(counts);
  check(counts.refused[ENOBUFS] == 2, "two frames were refused with ENOBUFS");
  check(counts.refused[kNotSupported] == 3, "three frames were refused with errno 524");
  check(counts.refused[EIO] == 0, "no frame was refused with EIO");
  check(counts.refused[0] == 0, "no frame was refused without an error");
}

void counts_what_is_no_errno_as_eio() {
  SendTally tally;
  for (const int error : {0, -1, 4096, std::numeric_limits<int>::max()}) tally.refuse(error, 1);
  SendCounts counts;
  tally.add_to(counts);
  check(counts.refused[EIO] == 4, "a number that is no errno is counted as EIO");
  check(counts.refused[0] == 0, "nothing is counted below the first errno");
}

}  // namespace
}  // namespace dropscope

int main() {
  dropscope::counts_each_error_as_itself();
  dropscope::counts_what_is_no_errno_as_eio();
  return dropscope::outcome();
}

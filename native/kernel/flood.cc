#include "flood.h"

#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <limits>
#include <system_error>
#include <utility>

#include "system_error.h"

namespace dropscope {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// How long a thread sleeps or waits for room at most before it looks whether it is to stop.
constexpr uint64_t kPatienceNs = 50'000'000;

// Paced, frames that fall due within this time are sent at once.
constexpr double kBurstSeconds = 100e-6;

// Three centuries: a rate may be as small as it likes.
constexpr double kForeverNs = 1e19;

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

void sleep_until(uint64_t time_ns) {
  const timespec time{.tv_sec = static_cast<time_t>(time_ns / kSecond),
                      .tv_nsec = static_cast<long>(time_ns % kSecond)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

size_t block_size(double frames_per_second) {
  if (frames_per_second == 0) return Flood::kWindow;
  const double burst = std::ceil(frames_per_second * kBurstSeconds);
  return static_cast<size_t>(std::clamp(burst, 1.0, static_cast<double>(Flood::kWindow)));
}

// Of protocol 0, as PacketSocket's.
UniqueFd open_socket(const FloodPlan& plan) {
  constexpr int type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  UniqueFd fd = plan.network_namespace.socket(AF_PACKET, type, 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = plan.ifindex;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SystemError("bind");
  }
  // As much as net.core.wmem_max lets it have; what that is, send_buffer() tells.
  const int most = std::numeric_limits<int>::max() / 2;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &most, sizeof most) < 0) {
    throw SystemError("setsockopt");
  }
  return fd;
}

size_t send_buffer(const UniqueFd& fd) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &bytes, &size) < 0) {
    throw SystemError("getsockopt");
  }
  return static_cast<size_t>(bytes);
}

// What a frame may take of the send buffer, at most: skb->truesize. Its memory is rounded up to a
// power of two, and has room for headers and struct skb_shared_info.
constexpr size_t charge_of(size_t frame_bytes) { return 2 * (frame_bytes + 1024) + 512; }

}  // namespace

// What one thread has.
class Flood::Sender {
 public:
  explicit Sender(const FloodPlan& plan)
      : frames_(plan.frames),
        fd_(open_socket(plan)),
        send_buffer_(send_buffer(fd_)),
        varied_(frames_.varies() ? kWindow * frames_.longest() : 0) {
    for (size_t i = 0; i < kWindow; ++i) {
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // Sends frames by their numbers, until flood is over. Returns the errno that is to end it, or 0.
  int send(uint64_t first, size_t count, const Flood& flood) {
    for (size_t i = 0; i < count; ++i) set_frame(i, first + i);
    for (size_t at = 0; at < count && !flood.is_over();) {
      const size_t window = std::min(window_from(at, count), std::max<size_t>(room(), 1));
      const int taken = sendmmsg(fd_.get(), &messages_[at], static_cast<unsigned>(window), 0);
      if (taken > 0) {
        count_sent(at, static_cast<size_t>(taken));
        at += static_cast<size_t>(taken);
        if (static_cast<size_t>(taken) < window) set_aside(at++);
      } else if (errno == ENOBUFS) {
        refuse(ENOBUFS, 1);
        ++at;
      } else if (errno == EAGAIN) {
        wait_for_room();
      } else if (errno != EINTR) {
        refuse(errno, 1 + std::exchange(unexplained_, 0));
        return errno;
      }
    }
    return 0;
  }

  // When no more is sent.
  void finish() { explain(); }

  void add_to(FloodProgress& progress) const {
    progress.sent += sent_;
    progress.bytes += bytes_;
    for (size_t i = 0; i < kErrnoLimit; ++i) progress.refused[i] += refused_[i];
  }

 private:
  // So many frames find room in the send buffer for sure.
  size_t room() const {
    int waiting = 0;
    if (ioctl(fd_.get(), SIOCOUTQ, &waiting) < 0) return 0;
    const auto used = static_cast<size_t>(waiting);
    return used < send_buffer_ ? (send_buffer_ - used) / charge_of(frames_.longest()) : 0;
  }

  void wait_for_room() const {
    pollfd wanted{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    poll(&wanted, 1, kPatienceNs / 1'000'000);
  }

  void set_frame(size_t place, uint64_t number) {
    if (frames_.varies()) {
      uint8_t* const into = varied_.data() + place * frames_.longest();
      parts_[place] = {.iov_base = into, .iov_len = frames_.write(number, into)};
      return;
    }
    const auto frame = frames_.template_of(number);
    // sendmmsg(2) does not write through iov_base.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    parts_[place] = {.iov_base = const_cast<uint8_t*>(frame.data()), .iov_len = frame.size()};
  }

  // A frame longer than those that were taken may be too long, so it is the first of its window: of
  // the first the errno is told.
  size_t window_from(size_t at, size_t count) const {
    size_t end = at + 1;
    const size_t longest = std::max(longest_taken_, parts_[at].iov_len);
    while (end < count && parts_[end].iov_len <= longest) ++end;
    return end - at;
  }

  // sendmmsg(2) stopped at a frame and does not say why. There was room for it, so it was refused;
  // to send it again, to learn the errno, would move the counters twice. That of the next one
  // tells.
  void set_aside(size_t at) {
    ++unexplained_;
    unexplained_length_ = parts_[at].iov_len;
    longest_taken_ = 0;
  }

  // What has passed, and was not for the length of the frames, is a full queue.
  void explain() { refuse(ENOBUFS, std::exchange(unexplained_, 0)); }

  void count_sent(size_t from, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = from; i < from + count; ++i) {
      bytes += parts_[i].iov_len;
      longest_taken_ = std::max(longest_taken_, parts_[i].iov_len);
    }
    sent_ += count;
    bytes_ += bytes;
    if (longest_taken_ >= unexplained_length_) explain();
  }

  void refuse(int error, uint64_t count) {
    const auto number = static_cast<size_t>(error);
    if (count > 0) refused_[number < kErrnoLimit ? number : 0] += count;
  }

  const FrameSequence& frames_;
  UniqueFd fd_;
  size_t send_buffer_;
  std::vector<uint8_t> varied_;  // room for frames that vary
  std::array<iovec, kWindow> parts_{};
  std::array<mmsghdr, kWindow> messages_{};
  size_t longest_taken_ = 0;  // since a frame was set aside
  uint64_t unexplained_ = 0;  // refused, but not yet counted by errno
  size_t unexplained_length_ = 0;
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  std::array<std::atomic<uint64_t>, kErrnoLimit> refused_{};
};

Flood::Flood(FloodPlan plan)
    : plan_(std::move(plan)),
      block_(block_size(plan_.frames_per_second)),
      ended_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!ended_fd_) throw SystemError("eventfd");
  for (unsigned i = 0; i < plan_.threads; ++i) senders_.push_back(std::make_unique<Sender>(plan_));
  threads_.reserve(plan_.threads);
  start_ns_ = now_ns();
  running_ = plan_.threads;
  try {
    for (const auto& sender : senders_) threads_.emplace_back([this, &sender] { run(*sender); });
  } catch (const std::system_error& error) {
    join();
    throw SystemError("clone", error.code().value());
  }
}

Flood::~Flood() { join(); }

void Flood::join() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

void Flood::run(Sender& sender) {
  // By default the kernel may wake it 50 us late.
  prctl(PR_SET_TIMERSLACK, 1);
  uint64_t first = 0;
  for (size_t count = take_block(first); count > 0; count = take_block(first)) {
    if (!wait_until_due(first)) break;
    const int failure = sender.send(first, count, *this);
    if (failure == 0) continue;
    failure_ = failure;
    stop();
  }
  sender.finish();
  if (--running_ > 0) return;
  end_ns_ = now_ns();
  eventfd_write(ended_fd_.get(), 1);
}

size_t Flood::take_block(uint64_t& first) {
  if (is_over()) return 0;
  first = next_.fetch_add(block_);
  if (plan_.count == 0) return block_;
  return first < plan_.count ? std::min<uint64_t>(block_, plan_.count - first) : 0;
}

bool Flood::is_over() const {
  return stopping_ || (plan_.duration_ns > 0 && now_ns() - start_ns_ >= plan_.duration_ns);
}

bool Flood::wait_until_due(uint64_t number) const {
  if (plan_.frames_per_second == 0) return true;
  const double wait_ns = 1e9 * static_cast<double>(number) / plan_.frames_per_second;
  const uint64_t due = start_ns_ + static_cast<uint64_t>(std::min(wait_ns, kForeverNs));
  for (uint64_t now = now_ns(); now < due; now = now_ns()) {
    if (is_over()) return false;
    sleep_until(std::min(due, now + kPatienceNs));
  }
  return !is_over();
}

FloodProgress Flood::progress() const {
  FloodProgress progress;
  progress.failure = failure_;
  const uint64_t end = end_ns_;
  progress.duration_ns = (end == 0 ? now_ns() : end) - start_ns_;
  for (const auto& sender : senders_) sender->add_to(progress);
  return progress;
}

}  // namespace dropscope

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dropscope {

// A field whose value follows from the number of the frame.
struct VariedField {
  enum class Kind : uint8_t {
    kCounter,  // first, first + step, ... : `count` of them, and again from the first
    kRandom,   // first to first + count - 1, by a seed; count 0: any value of 64 bits
    kList,     // values in turns
  };

  Kind kind = Kind::kCounter;
  uint8_t width = 0;              // bytes, 1 to 8, in network byte order
  uint64_t mask = ~uint64_t{0};   // the bits of them that belong to it
  std::vector<uint32_t> offsets;  // where it begins, in each template
  uint64_t first = 0;
  uint64_t step = 0;
  uint64_t count = 0;
  uint64_t seed = 0;
  std::vector<uint64_t> values;

  uint64_t value_of(uint64_t number) const;
};

// Frames by their number: templates in turns, in which some fields change.
class FrameSequence {
 public:
  // Templates that lie end to end; at least one. Throws std::out_of_range for a field that reaches
  // beyond one of them, or that has no value.
  FrameSequence(std::vector<uint8_t> packed, std::span<const uint32_t> lengths,
                std::vector<VariedField> fields);
  // Its templates point to its own bytes.
  FrameSequence(FrameSequence&&) = default;
  FrameSequence(const FrameSequence&) = delete;

  bool varies() const { return !fields_.empty(); }
  size_t longest() const { return longest_; }

  // What frame `number` begins as.
  std::span<const uint8_t> template_of(uint64_t number) const {
    return templates_[number % templates_.size()];
  }

  // Writes frame `number`, which takes `longest` bytes at most; returns its length.
  size_t write(uint64_t number, uint8_t* into) const;

 private:
  std::vector<uint8_t> packed_;
  std::vector<std::span<const uint8_t>> templates_;
  std::vector<VariedField> fields_;
  size_t longest_ = 0;
};

}  // namespace dropscope

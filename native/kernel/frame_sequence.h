#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "varied_field.h"

namespace dropscope {

// How a field of some templates changes.
struct Variation {
  varied_field field{};           // of VARIED_LIST, what `values` says is not looked at
  uint8_t width = 0;              // bytes, 1 to 8, in network byte order
  std::vector<uint32_t> offsets;  // where it begins, in each template
  std::vector<uint64_t> values;   // of VARIED_LIST
};

// Frames by their number: templates in turns, in which some fields change.
class FrameSequence {
 public:
  // Templates that lie end to end; at least one. Throws std::out_of_range for a field that reaches
  // beyond one of them, or that has no value.
  FrameSequence(std::vector<uint8_t> packed, std::span<const uint32_t> lengths,
                std::span<const Variation> variations);
  // Its templates point to its own bytes.
  FrameSequence(FrameSequence&&) = default;
  FrameSequence(const FrameSequence&) = delete;

  bool varies() const { return !fields_.empty(); }
  size_t longest() const { return longest_; }
  std::span<const std::span<const uint8_t>> templates() const { return templates_; }
  std::span<const varied_field> fields() const { return fields_; }
  // Those of all lists.
  std::span<const uint64_t> values() const { return values_; }
  // Where the fields lie in a template.
  std::span<const field_place> places(size_t template_index) const {
    return std::span(places_).subspan(template_index * fields_.size(), fields_.size());
  }

  // What frame `number` begins as.
  std::span<const uint8_t> template_of(uint64_t number) const {
    return templates_[number % templates_.size()];
  }

  // Writes frame `number`, which takes `longest` bytes at most; returns its length.
  size_t write(uint64_t number, uint8_t* into) const;

 private:
  void add_field(const Variation& variation);

  std::vector<uint8_t> packed_;
  std::vector<std::span<const uint8_t>> templates_;
  std::vector<varied_field> fields_;
  std::vector<uint64_t> values_;
  std::vector<field_place> places_;  // of the fields of each template
  size_t longest_ = 0;
};

}  // namespace dropscope

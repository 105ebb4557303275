#include "frame_sequence.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace dropscope {
namespace {

// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
uint64_t random_of(uint64_t number) {
  uint64_t z = number * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

void put_bits(uint8_t* at, const VariedField& field, uint64_t value) {
  for (int i = field.width - 1; i >= 0; --i) {
    const auto mask = static_cast<uint8_t>(field.mask >> (8 * (field.width - 1 - i)));
    at[i] = static_cast<uint8_t>((at[i] & ~mask) | (value & mask));
    value >>= 8;
  }
}

}  // namespace

uint64_t VariedField::value_of(uint64_t number) const {
  switch (kind) {
    case Kind::kCounter:
      return first + step * (number % count);
    case Kind::kRandom: {
      const uint64_t random = random_of(seed + number);
      return count == 0 ? random : first + random % count;
    }
    case Kind::kList:
      return values[number % values.size()];
  }
  return 0;
}

FrameSequence::FrameSequence(std::vector<uint8_t> packed, std::span<const uint32_t> lengths,
                             std::vector<VariedField> fields)
    : packed_(std::move(packed)), fields_(std::move(fields)) {
  size_t offset = 0;
  for (const uint32_t length : lengths) {
    if (length > packed_.size() - offset) throw std::out_of_range("A frame beyond its buffer");
    templates_.push_back(std::span(packed_).subspan(offset, length));
    longest_ = std::max<size_t>(longest_, length);
    offset += length;
  }
  if (templates_.empty()) throw std::out_of_range("No frame");
  for (VariedField& field : fields_) {
    // Or the values of the next seed would be these, one frame later.
    field.seed = random_of(field.seed);
    const bool has_value = field.kind == VariedField::Kind::kRandom || field.count > 0 ||
                           (field.kind == VariedField::Kind::kList && !field.values.empty());
    if (!has_value || field.width < 1 || field.width > 8) throw std::out_of_range("No value");
    if (field.offsets.size() != templates_.size()) throw std::out_of_range("Offsets");
    for (size_t i = 0; i < templates_.size(); ++i) {
      const uint64_t end = uint64_t{field.offsets[i]} + field.width;
      if (end > templates_[i].size()) throw std::out_of_range("A field beyond its frame");
    }
  }
}

size_t FrameSequence::write(uint64_t number, uint8_t* into) const {
  const size_t index = number % templates_.size();
  const auto frame = templates_[index];
  std::memcpy(into, frame.data(), frame.size());
  for (const VariedField& field : fields_) {
    put_bits(into + field.offsets[index], field, field.value_of(number));
  }
  return frame.size();
}

}  // namespace dropscope

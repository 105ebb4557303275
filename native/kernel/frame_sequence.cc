#include "frame_sequence.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace dropscope {
namespace {

field_place place_of(size_t offset, size_t width, size_t frame_bytes) {
  constexpr size_t word = sizeof(uint64_t);
  if (frame_bytes < word || offset + width > frame_bytes) {
    throw std::out_of_range("A field beyond its frame");
  }
  const size_t at = std::min(offset, frame_bytes - word);
  return {.at = static_cast<uint32_t>(at),
          .shift = static_cast<uint32_t>(8 * (at + word - offset - width))};
}

}  // namespace

FrameSequence::FrameSequence(std::vector<uint8_t> packed, std::span<const uint32_t> lengths,
                             std::span<const Variation> variations)
    : packed_(std::move(packed)) {
  size_t offset = 0;
  for (const uint32_t length : lengths) {
    if (length > packed_.size() - offset) throw std::out_of_range("A frame beyond its buffer");
    templates_.push_back(std::span(packed_).subspan(offset, length));
    longest_ = std::max<size_t>(longest_, length);
    offset += length;
  }
  if (templates_.empty()) throw std::out_of_range("No frame");
  for (const Variation& variation : variations) add_field(variation);
  places_.reserve(templates_.size() * variations.size());
  for (size_t i = 0; i < templates_.size(); ++i) {
    for (const Variation& variation : variations) {
      if (variation.offsets.size() != templates_.size()) throw std::out_of_range("Offsets");
      places_.push_back(place_of(variation.offsets[i], variation.width, templates_[i].size()));
    }
  }
}

void FrameSequence::add_field(const Variation& variation) {
  varied_field field = variation.field;
  field.seed = varied_random(field.seed);
  if (field.kind == VARIED_LIST) {
    field.first = values_.size();
    field.count = variation.values.size();
    values_.insert(values_.end(), variation.values.begin(), variation.values.end());
  }
  const bool has_value = field.kind == VARIED_RANDOM || field.count > 0;
  if (!has_value || variation.width < 1 || variation.width > 8) throw std::out_of_range("No value");
  fields_.push_back(field);
}

size_t FrameSequence::write(uint64_t number, uint8_t* into) const {
  const size_t index = number % templates_.size();
  const auto frame = templates_[index];
  std::memcpy(into, frame.data(), frame.size());
  const field_place* place = places(index).data();
  for (const varied_field& field : fields_) {
    const uint64_t value = varied_value(&field, number);
    uint64_t word = 0;
    std::memcpy(&word, into + place->at, sizeof word);
    word = htobe64(varied_word(be64toh(word), field.mask, place->shift,
                               field.kind == VARIED_LIST ? values_[value] : value));
    std::memcpy(into + place->at, &word, sizeof word);
    ++place;
  }
  return frame.size();
}

}  // namespace dropscope

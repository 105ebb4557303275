#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

namespace dropscope {

// What JavaScript gave, checked. lib/ refuses bad values in words for people; what comes past it
// ends in a TypeError or RangeError here, while Napi::Value::As() would end the process.

// A whole number from 0 to limit.
inline uint64_t to_number(Napi::Value value, uint64_t limit) {
  double number = 0;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), "Expected a number");
  }
  // Comparisons with NaN are false.
  if (!(number >= 0 && number <= static_cast<double>(limit)) || number != std::trunc(number)) {
    throw Napi::RangeError::New(value.Env(), "Number out of range");
  }
  return static_cast<uint64_t>(number);
}

// 0 stands for no link in particular.
inline int to_ifindex(Napi::Value value) {
  return static_cast<int>(to_number(value, std::numeric_limits<int>::max()));
}

template <typename T>
std::span<const T> to_elements(Napi::Value value, napi_typedarray_type wanted, const char* error) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  // A detached array has no elements.
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr);
  if (status != napi_ok || type != wanted) throw Napi::TypeError::New(value.Env(), error);
  return {static_cast<const T*>(data), length};
}

// The bytes of a Uint8Array, or of a Buffer.
inline std::span<const uint8_t> to_bytes(Napi::Value value) {
  return to_elements<uint8_t>(value, napi_uint8_array, "Expected a Uint8Array");
}

inline std::span<const uint32_t> to_words(Napi::Value value) {
  return to_elements<uint32_t>(value, napi_uint32_array, "Expected a Uint32Array");
}

// The bytes of an ArrayBuffer, to be written. A detached one has none.
inline std::span<uint8_t> to_buffer_bytes(Napi::Value value) {
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_arraybuffer_info(value.Env(), value, &data, &length) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), "Expected an ArrayBuffer");
  }
  return {static_cast<uint8_t*>(data), length};
}

inline bool to_boolean(Napi::Value value) {
  if (!value.IsBoolean()) throw Napi::TypeError::New(value.Env(), "Expected a boolean");
  return value.As<Napi::Boolean>();
}

// An interface's name. Of what is too long for one, as much as shows that.
inline std::string to_interface_name(Napi::Value value) {
  char buffer[32];
  size_t length = 0;
  const napi_status status =
      napi_get_value_string_utf8(value.Env(), value, buffer, sizeof buffer, &length);
  if (status != napi_ok) throw Napi::TypeError::New(value.Env(), "Expected a string");
  return {buffer, length};
}

inline std::string to_text(Napi::Value value) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), "Expected a string");
  return value.As<Napi::String>();
}

inline Napi::Object to_object(Napi::Value value) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "Expected an object");
  return value.As<Napi::Object>();
}

inline Napi::Array to_list(Napi::Value value) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "Expected an array");
  return value.As<Napi::Array>();
}

inline Napi::Function to_function(Napi::Value value) {
  if (!value.IsFunction()) throw Napi::TypeError::New(value.Env(), "Expected a function");
  return value.As<Napi::Function>();
}

}  // namespace dropscope

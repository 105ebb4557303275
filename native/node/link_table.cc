#include "link_table.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "../kernel/link_table.h"
#include "js_arguments.h"
#include "js_error.h"
#include "js_network_namespace.h"

namespace dropscope {
namespace {

// One link in what readLinkStats() returns: lib/link/link-record.ts knows these offsets. Integers
// in host byte order.
struct LinkRecord {
  int32_t ifindex;
  uint32_t fields;        // how many of the counters this kernel has: the first ones
  char name[16];          // IFNAMSIZ, NUL-terminated
  uint64_t counters[25];  // struct rtnl_link_stats64, from rx_packets to rx_otherhost_dropped
};
static_assert(sizeof(LinkRecord) == 224 && offsetof(LinkRecord, counters) == 24,
              "records lie end to end");
static_assert(sizeof(LinkRecord::counters) <= sizeof(rtnl_link_stats64),
              "linux-libc-dev of Linux 5.19 or later");

// The table of this environment: the main thread has one, and so has each worker. It is opened by
// the first call, and goes with the environment.
LinkTable& links(Napi::Env env) {
  if (auto* table = env.GetInstanceData<LinkTable>()) return *table;
  auto table = std::make_unique<LinkTable>();
  env.SetInstanceData(table.get());
  return *table.release();
}

LinkRecord make_record(const LinkStats& stats, const std::string& name) {
  LinkRecord record{};
  record.ifindex = stats.ifindex;
  record.fields = std::min<uint32_t>(stats.fields, std::size(record.counters));
  name.copy(record.name, sizeof record.name - 1);
  std::memcpy(record.counters, &stats.counters, sizeof record.counters);
  return record;
}

Napi::Value interface_index(LinkTable& table, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), table.index_of(to_interface_name(info[0])));
}

Napi::Value interface_name(LinkTable& table, const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), table.name_of(to_ifindex(info[0])));
}

Napi::Value hardware_address(LinkTable& table, const Napi::CallbackInfo& info) {
  const auto address = table.hardware_address(to_interface_name(info[0]));
  auto result = Napi::Uint8Array::New(info.Env(), address.size());
  std::copy(address.begin(), address.end(), result.Data());
  return result;
}

Napi::Value read_link_stats(LinkTable& table, const Napi::CallbackInfo& info) {
  std::vector<LinkRecord> records;
  // The kernel's statistics have no names. A link without one is gone by now, and left out.
  const auto add = [&](const LinkStats& stats) {
    const std::string name = table.name_of(stats.ifindex);
    if (!name.empty()) records.push_back(make_record(stats, name));
  };
  const int ifindex = to_ifindex(info[0]);
  if (ifindex != 0) {
    if (const auto stats = table.read(ifindex)) add(*stats);
  } else {
    for (const auto& stats : table.read_all()) add(stats);
  }
  const size_t size = records.size() * sizeof(LinkRecord);
  auto result = Napi::ArrayBuffer::New(info.Env(), size);
  if (size != 0) std::memcpy(result.Data(), records.data(), size);
  return result;
}

// A bigint, or undefined.
Napi::Value namespace_cookie(LinkTable& table, const Napi::CallbackInfo& info) {
  const auto cookie = table.namespace_cookie();
  return cookie ? Napi::BigInt::New(info.Env(), *cookie) : info.Env().Undefined();
}

using Question = Napi::Value (*)(LinkTable&, const Napi::CallbackInfo&);

// As a function that asks the table of the environment.
template <Question ask>
Napi::Value ask_own(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return ask(links(info.Env()), info); });
}

// The links of another network namespace.
class LinkTableObject : public Napi::ObjectWrap<LinkTableObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "LinkTable",
                       {InstanceMethod<&LinkTableObject::ask<interface_index>>("interfaceIndex"),
                        InstanceMethod<&LinkTableObject::ask<interface_name>>("interfaceName"),
                        InstanceMethod<&LinkTableObject::ask<hardware_address>>("hardwareAddress"),
                        InstanceMethod<&LinkTableObject::ask<read_link_stats>>("readLinkStats"),
                        InstanceMethod<&LinkTableObject::ask<namespace_cookie>>("namespaceCookie"),
                        InstanceMethod<&LinkTableObject::close>("close")});
  }

  // (networkNamespace: string)
  explicit LinkTableObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guard(info.Env(), [&] { table_.emplace(to_network_namespace(info[0])); });
  }

 private:
  template <Question question>
  Napi::Value ask(const Napi::CallbackInfo& info) {
    if (!table_) throw Napi::Error::New(info.Env(), "This table is closed");
    return guard(info.Env(), [&] { return question(*table_, info); });
  }

  void close(const Napi::CallbackInfo&) { table_.reset(); }

  std::optional<LinkTable> table_;
};

}  // namespace

void export_link_table(Napi::Env env, Napi::Object exports) {
  exports.Set("interfaceIndex",
              Napi::Function::New<ask_own<interface_index>>(env, "interfaceIndex"));
  exports.Set("interfaceName", Napi::Function::New<ask_own<interface_name>>(env, "interfaceName"));
  exports.Set("hardwareAddress",
              Napi::Function::New<ask_own<hardware_address>>(env, "hardwareAddress"));
  exports.Set("readLinkStats", Napi::Function::New<ask_own<read_link_stats>>(env, "readLinkStats"));
  exports.Set("namespaceCookie",
              Napi::Function::New<ask_own<namespace_cookie>>(env, "namespaceCookie"));
  exports.Set("LinkTable", LinkTableObject::define(env));
}

}  // namespace dropscope

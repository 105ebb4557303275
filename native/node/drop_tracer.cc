#include "drop_tracer.h"

#include <uv.h>

#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "../kernel/drop_tracer.h"
#include "js_arguments.h"
#include "js_callback.h"
#include "js_error.h"
#include "js_network_namespace.h"
#include "uv_poll.h"

namespace dropscope {
namespace {

void append_numbers(std::vector<filter_key>& filters, filter_kind kind, Napi::Value list) {
  const auto values = to_list(list);
  for (uint32_t i = 0; i < values.Length(); i++) {
    filters.push_back({kind, 0, to_number(values.Get(i), UINT32_MAX)});
  }
}

void append_addresses(std::vector<filter_key>& filters, filter_kind kind, Napi::Value list) {
  const auto values = to_list(list);
  for (uint32_t i = 0; i < values.Length(); i++) {
    const auto address = to_bytes(values.Get(i));
    if (address.size() != 6) throw Napi::RangeError::New(list.Env(), "Expected 6 bytes");
    filter_key key{kind, 0, 0};
    memcpy(&key.value, address.data(), address.size());
    filters.push_back(key);
  }
}

// Records end to end.
template <typename T>
Napi::Value to_buffer(Napi::Env env, const std::vector<T>& records) {
  auto buffer = Napi::ArrayBuffer::New(env, records.size() * sizeof(T));
  if (!records.empty()) memcpy(buffer.Data(), records.data(), buffer.ByteLength());
  return buffer;
}

DropTracerOptions read_options(const Napi::Object& from) {
  DropTracerOptions options;
  options.network_namespace = to_network_namespace(from.Get("networkNamespace"));
  options.all_namespaces = to_boolean(from.Get("allNamespaces"));
  options.summary = to_boolean(from.Get("summary"));
  options.all_drops = to_boolean(from.Get("allDrops"));
  options.header_bytes = static_cast<uint32_t>(to_number(from.Get("headerBytes"), UINT32_MAX));
  options.ring_bytes = static_cast<uint32_t>(to_number(from.Get("ringBytes"), UINT32_MAX));
  append_numbers(options.filters, FILTER_IFINDEX, from.Get("ifindexes"));
  append_numbers(options.filters, FILTER_ETHER_TYPE, from.Get("etherTypes"));
  append_numbers(options.filters, FILTER_REASON, from.Get("reasons"));
  append_addresses(options.filters, FILTER_SOURCE, from.Get("sources"));
  append_addresses(options.filters, FILTER_DESTINATION, from.Get("destinations"));
  return options;
}

class DropTracerObject : public Napi::ObjectWrap<DropTracerObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "DropTracer",
                       {InstanceMethod<&DropTracerObject::open>("open"),
                        InstanceAccessor<&DropTracerObject::record_bytes>("recordBytes"),
                        InstanceAccessor<&DropTracerObject::waiting>("waiting"),
                        InstanceMethod<&DropTracerObject::drain>("drain"),
                        InstanceMethod<&DropTracerObject::take_talkers>("takeTalkers"),
                        InstanceMethod<&DropTracerObject::accounts>("accounts"),
                        InstanceMethod<&DropTracerObject::measure>("measure"),
                        InstanceMethod<&DropTracerObject::lost>("lost"),
                        InstanceMethod<&DropTracerObject::wake_on_next>("wakeOnNext"),
                        InstanceMethod<&DropTracerObject::ref>("ref"),
                        InstanceMethod<&DropTracerObject::unref>("unref"),
                        InstanceMethod<&DropTracerObject::detach>("detach"),
                        InstanceMethod<&DropTracerObject::close>("close")});
  }

  explicit DropTracerObject(const Napi::CallbackInfo& info)
      : ObjectWrap(info),
        options_(guard(info.Env(), [&] { return read_options(to_object(info[0])); })),
        on_record_(std::in_place, to_function(info[1])) {}

 private:
  // Loads and arms on a thread of libuv's pool: the kernel's verifier takes tens of milliseconds.
  class Open : public Napi::AsyncWorker {
   public:
    Open(DropTracerObject& object, const Napi::Function& on_open)
        : AsyncWorker(object.Env(), "dropscope"),
          on_open_(on_open),
          object_(object),
          not_collected_(Napi::Persistent(object.Value())),
          options_(object.options_) {}

   private:
    void Execute() override {
      try {
        tracer_ = std::make_unique<DropTracer>(options_);
      } catch (const SystemError& error) {
        error_ = error;
      }
    }

    void OnOK() override {
      napi_value failure = Env().Undefined();
      try {
        guard(Env(), [&] {
          if (error_) throw *error_;
          object_.adopt(std::move(tracer_));
        });
      } catch (const Napi::Error& error) {
        failure = error.Value();
      }
      on_open_.call({failure});
    }

    // Whatever else the constructor threw: no memory, say.
    void OnError(const Napi::Error& error) override { on_open_.call({error.Value()}); }

    // Not a promise: Node-API loses the memory of one that a worker leaves unsettled when it ends.
    JsCallback on_open_;
    DropTracerObject& object_;
    Napi::ObjectReference not_collected_;
    DropTracerOptions options_;
    std::unique_ptr<DropTracer> tracer_;
    std::optional<SystemError> error_;
  };

  // Measures on a thread of libuv's pool, for it waits while somebody else changes links.
  class Measure : public Napi::AsyncWorker {
   public:
    Measure(Napi::Env env, std::shared_ptr<DropTracer> tracer, bool all_links,
            const Napi::Function& on_end)
        : AsyncWorker(env, "dropscope"),
          tracer_(std::move(tracer)),
          all_links_(all_links),
          on_end_(on_end) {}

   private:
    void Execute() override {
      try {
        tracer_->measure(all_links_);
      } catch (const std::exception&) {
        // The parts that were measured before stand.
      }
    }

    void OnOK() override {
      tracer_.reset();
      on_end_.call({});
    }

    std::shared_ptr<DropTracer> tracer_;
    bool all_links_;
    JsCallback on_end_;
  };

  // (onOpen: (error?: Error) => void) => void
  void open(const Napi::CallbackInfo& info) {
    if (opened_ || closed_) throw Napi::Error::New(info.Env(), "This tracer was open already");
    auto* worker = new Open(*this, to_function(info[0]));  // It deletes itself when it is done.
    worker->Queue();
    opened_ = true;
  }

  void adopt(std::unique_ptr<DropTracer> tracer) {
    if (closed_) throw Napi::Error::New(Env(), "This tracer was closed while it opened");
    poll_ = std::make_unique<UvPoll>(Env(), tracer->descriptor(), [this] {
      poll_->stop();
      on_record_->call();
    });
    tracer_ = std::move(tracer);
    Ref();  // Not collected while it is open.
  }

  Napi::Value record_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(tracer(info).record_bytes()));
  }

  Napi::Value waiting(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(tracer(info).waiting()));
  }

  // (into: ArrayBuffer) => number
  Napi::Value drain(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      DropTracer& tracer = this->tracer(info);
      const auto into = to_buffer_bytes(info[0]);
      const size_t count = tracer.drain(into.data(), into.size() / tracer.record_bytes());
      return Napi::Number::New(info.Env(), static_cast<double>(count));
    });
  }

  // (limit: number) => { talkers: ArrayBuffer, others: number, mostMissing: number }
  Napi::Value take_talkers(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      const auto counts = tracer(info).take_talkers(to_number(info[0], UINT32_MAX));
      auto result = Napi::Object::New(info.Env());
      result.Set("talkers", to_buffer(info.Env(), counts.talkers));
      result.Set("others", static_cast<double>(counts.others));
      result.Set("mostMissing", static_cast<double>(counts.most_missing));
      return result;
    });
  }

  // () => ArrayBuffer
  Napi::Value accounts(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] { return to_buffer(info.Env(), tracer(info).accounts()); });
  }

  // (allLinks: boolean, onEnd: () => void) => void
  void measure(const Napi::CallbackInfo& info) {
    tracer(info);
    const bool all_links = to_boolean(info[0]);
    auto* worker = new Measure(info.Env(), tracer_, all_links, to_function(info[1]));
    worker->Queue();
  }

  Napi::Value lost(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      return Napi::Number::New(info.Env(), static_cast<double>(tracer(info).lost()));
    });
  }

  Napi::Value wake_on_next(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      const bool asked = tracer(info).wake_on_next();
      if (asked) poll_->start(UV_READABLE);
      return Napi::Boolean::New(info.Env(), asked);
    });
  }

  void ref(const Napi::CallbackInfo& info) {
    tracer(info);
    poll_->ref();
  }

  void unref(const Napi::CallbackInfo& info) {
    tracer(info);
    poll_->unref();
  }

  void detach(const Napi::CallbackInfo& info) { tracer(info).detach(); }

  void close(const Napi::CallbackInfo&) {
    closed_ = true;
    if (tracer_) Unref();
    poll_.reset();
    tracer_.reset();
    options_ = {};  // They hold the network namespace.
    on_record_.reset();
  }

  DropTracer& tracer(const Napi::CallbackInfo& info) const {
    if (!tracer_) throw Napi::Error::New(info.Env(), "This tracer is not open");
    return *tracer_;
  }

  DropTracerOptions options_;
  std::optional<JsCallback> on_record_;
  bool opened_ = false;
  bool closed_ = false;
  std::shared_ptr<DropTracer> tracer_;  // A measurement may outlive its close().
  std::unique_ptr<UvPoll> poll_;        // Goes before the descriptor that it watches.
};

}  // namespace

void export_drop_tracer(Napi::Env env, Napi::Object exports) {
  exports.Set("DropTracer", DropTracerObject::define(env));
}

}  // namespace dropscope

#include <cstdio>
#include <cstdlib>

#include "optimizer/frontend/keras/build_graph.h"
#include "optimizer/frontend/keras/read_keras.h"
#include "optimizer/frontend/keras/stored_weights.h"
#include "optimizer/ir/verify.h"
#include "tests/fuzz/fuzz_targets.h"

namespace permafrost {
namespace {

constexpr size_t kMaxBytes = 64 << 10;
const Limits kLimits{.max_tensor_bytes = 1 << 20, .max_nodes = 500};

void RequireGood(const StatusOr<KerasModel>& model) {
  const Status status = model.ok() ? Verify(model->graph, Level::kFlat) : model.status();
  if (status.ok() || (!model.ok() && !absl::IsInternal(status))) return;
  std::fprintf(stderr, "a Keras file became a graph that is not well-formed: %s\n", Message(status).c_str());
  std::abort();
}

}  // namespace

void FuzzKerasConfig(std::string_view bytes) {
  if (bytes.size() > kMaxBytes) return;
  const StatusOr<keras::Json> json = keras::ParseJson(bytes);
  if (!json.ok()) return;
  for (const int keras_major : {2, 3}) {
    keras::WantedWeights wanted;
    RequireGood(keras::BuildGraph(*json, keras_major, keras::RecordWeights(wanted), kLimits));
  }
}

void FuzzKeras(std::string_view bytes) {
  if (bytes.size() > kMaxBytes) return;
  RequireGood(IsKerasZip(bytes) ? ReadKerasZip(bytes, nullptr, kLimits) : ReadKerasH5(bytes, nullptr, kLimits));
}

}  // namespace permafrost

#include <algorithm>

#include "optimizer/frontend/keras/stored_weights.h"

namespace permafrost::keras {
namespace {

class Recorder : public Weights {
 public:
  explicit Recorder(WantedWeights& wanted) : wanted_(wanted) {}

  StatusOr<Tensor> Next(std::string_view name, const std::vector<int64_t>& dims, WeightKind kind) override {
    wanted_.requests.push_back({std::string(name), kind, ""});
    const float zero = 0;
    return Tensor::Splat(DType::kFloat32, dims, std::string(reinterpret_cast<const char*>(&zero), sizeof(zero)));
  }

  std::unique_ptr<Weights> Of(std::string_view attribute) override { return Add(attribute, true); }

  std::vector<std::unique_ptr<Weights>> OfLayers(const std::vector<LayerId>& layers) override {
    std::vector<std::unique_ptr<Weights>> weights;
    for (const LayerId& layer : layers) weights.push_back(Add(layer.name, layer.trainable));
    return weights;
  }

 private:
  std::unique_ptr<Weights> Add(std::string_view key, bool trainable) {
    wanted_.inner.push_back(std::make_unique<WantedWeights>());
    wanted_.inner.back()->key = std::string(key);
    wanted_.inner.back()->trainable = trainable;
    return std::make_unique<Recorder>(*wanted_.inner.back());
  }

  WantedWeights& wanted_;
};

class Replay : public Weights {
 public:
  Replay(const Hdf5File& file, const WantedWeights& wanted) : file_(file), wanted_(wanted) {}

  StatusOr<Tensor> Next(std::string_view name, const std::vector<int64_t>& dims, WeightKind) override {
    if (next_ >= wanted_.requests.size()) return Internal("weight '", name, "' was not asked for the first time");
    const WantedWeights::Request& request = wanted_.requests[next_++];
    if (request.path.empty()) return NotFound("the file has no weight '", name, "' for it");
    return ReadWeight(file_, request.path, name, dims);
  }

  std::unique_ptr<Weights> Of(std::string_view attribute) override { return Find(attribute); }

  std::vector<std::unique_ptr<Weights>> OfLayers(const std::vector<LayerId>& layers) override {
    std::vector<std::unique_ptr<Weights>> weights;
    for (const LayerId& layer : layers) weights.push_back(Find(layer.name));
    return weights;
  }

 private:
  std::unique_ptr<Weights> Find(std::string_view key) {
    static const WantedWeights nothing;
    for (const auto& inner : wanted_.inner) {
      if (inner->key == key) return std::make_unique<Replay>(file_, *inner);
    }
    return std::make_unique<Replay>(file_, nothing);
  }

  const Hdf5File& file_;
  const WantedWeights& wanted_;
  size_t next_ = 0;
};

using Requests = std::vector<WantedWeights::Request*>;

// Keras's Layer.trainable_weights and .non_trainable_weights: a layer that is not trainable has the first ones as the
// first of the second.
struct Sorted {
  Requests trainable, fixed;
};
Sorted Sort(WantedWeights& wanted) {
  Sorted sorted;
  for (auto& request : wanted.requests) {
    (request.kind == WeightKind::kTrainable ? sorted.trainable : sorted.fixed).push_back(&request);
  }
  for (const auto& inner : wanted.inner) {
    const Sorted more = Sort(*inner);
    sorted.trainable.insert(sorted.trainable.end(), more.trainable.begin(), more.trainable.end());
    sorted.fixed.insert(sorted.fixed.end(), more.fixed.begin(), more.fixed.end());
  }
  if (!wanted.trainable) {
    sorted.trainable.insert(sorted.trainable.end(), sorted.fixed.begin(), sorted.fixed.end());
    sorted.fixed = std::move(sorted.trainable);
    sorted.trainable.clear();
  }
  return sorted;
}

// The states of random generators, which nothing needs at inference.
bool IsRandomState(std::string_view name) {
  return name.find("seed_generator") != std::string_view::npos || name.find("StateVar") != std::string_view::npos;
}

}  // namespace

std::unique_ptr<Weights> RecordWeights(WantedWeights& wanted) { return std::make_unique<Recorder>(wanted); }

std::unique_ptr<Weights> ListedWeights(const Hdf5File& file, const WantedWeights& wanted) {
  return std::make_unique<Replay>(file, wanted);
}

Status AssignListed(const Hdf5File& file, WantedWeights& wanted) {
  for (const auto& layer : wanted.inner) {
    Sorted sorted = Sort(*layer);
    Requests& requests = sorted.trainable;
    requests.insert(requests.end(), sorted.fixed.begin(), sorted.fixed.end());
    const std::string group = file.groups.contains("model_weights") ? "model_weights/" + layer->key : layer->key;
    std::vector<std::string> names = file.ListAttribute(group, "weight_names");
    names.erase(std::remove_if(names.begin(), names.end(), IsRandomState), names.end());
    if (requests.empty()) continue;
    if (!file.groups.contains(group)) {
      return NotFound("layer '", layer->key, "': the file has no weights for it (no group '", group, "')");
    }
    if (names.size() != requests.size()) {
      const bool missing = names.size() < requests.size();
      return InvalidArgument("layer '", layer->key, "': the file holds ", names.size(), " weights for it, expected ",
                             requests.size(),
                             missing ? StrCat("; '", requests[names.size()]->name, "' is missing") : std::string());
    }
    for (size_t i = 0; i < names.size(); ++i) requests[i]->path = StrCat(group, "/", names[i]);
  }
  return OkStatus();
}

}  // namespace permafrost::keras

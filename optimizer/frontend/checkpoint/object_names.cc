#include "optimizer/frontend/checkpoint/object_names.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "optimizer/proto/text.h"

namespace permafrost {
namespace {

constexpr std::string_view kObjectGraph = "_CHECKPOINTABLE_OBJECT_GRAPH";

class NamedByObjects : public VariableSource {
 public:
  using Keys = std::map<std::string, std::set<std::string>, std::less<>>;  // by the variable's own name
  NamedByObjects(std::shared_ptr<const VariableSource> source, Keys keys)
      : source_(std::move(source)), keys_(std::move(keys)) {}

  std::vector<std::string> Names() const override {
    std::vector<std::string> names = source_->Names();
    for (const auto& [name, keys] : keys_) names.push_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  bool Has(std::string_view name) const override { return source_->Has(name) || keys_.contains(name); }
  StatusOr<Tensor> Get(std::string_view name) const override {
    const auto found = keys_.find(name);
    if (source_->Has(name) || found == keys_.end()) return source_->Get(name);
    if (found->second.size() > 1) {
      return InvalidArgument(Describe(), ": '", name, "' is the name of several variables, '", *found->second.begin(),
                             "' and '", *found->second.rbegin(), "' among them; expected names that tell them apart");
    }
    return source_->Get(*found->second.begin());
  }
  std::string Describe() const override { return source_->Describe(); }

 private:
  std::shared_ptr<const VariableSource> source_;
  Keys keys_;
};

}  // namespace

Status ReadObjectGraph(const VariableSource& source, tf::TrackableObjectGraph& graph) {
  if (!source.Has(kObjectGraph)) return OkStatus();
  ASSIGN_OR_RETURN(const Tensor stored, source.Get(kObjectGraph));
  if (stored.dtype() != DType::kString || stored.strings().size() != 1 || !ParseWire(stored.strings()[0], graph)) {
    return DataLoss(source.Describe(), ": its graph of objects is damaged");
  }
  return OkStatus();
}

StatusOr<std::shared_ptr<const VariableSource>> WithObjectNames(std::shared_ptr<const VariableSource> source) {
  if (!source->Has(kObjectGraph)) return source;
  tf::TrackableObjectGraph graph;
  RETURN_IF_ERROR(ReadObjectGraph(*source, graph));
  NamedByObjects::Keys keys;
  for (const auto& object : graph.nodes()) {
    for (const auto& attribute : object.attributes()) {
      if (!attribute.full_name().empty() && source->Has(attribute.checkpoint_key())) {
        keys[attribute.full_name()].insert(attribute.checkpoint_key());
      }
    }
  }
  return std::make_shared<NamedByObjects>(std::move(source), std::move(keys));
}

}  // namespace permafrost

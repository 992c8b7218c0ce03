#include <cctype>
#include <map>

#include "optimizer/frontend/keras/stored_weights.h"

namespace permafrost::keras {
namespace {

bool IsUpper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool IsLower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }

// As Keras does it: a word starts at a capital before small letters, and at a capital after a small letter.
// MultiHeadAttention -> multi_head_attention, PReLU -> p_re_lu, Conv2D -> conv2d.
std::string SnakeCase(std::string_view name) {
  std::string words;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool before_small = i + 1 < name.size() && IsLower(name[i + 1]);
    if (i > 0 && IsUpper(name[i]) && (before_small || IsLower(name[i - 1]))) words += '_';
    words += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return words;
}

std::string Join(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : StrCat(path, "/", name);
}

class Path : public Weights {
 public:
  Path(const Hdf5File& file, std::string path) : file_(file), path_(std::move(path)) {}

  StatusOr<Tensor> Next(std::string_view name, const std::vector<int64_t>& dims, WeightKind) override {
    return ReadWeight(file_, Join(path_, StrCat("vars/", next_++)), name, dims);
  }

  // Attributes that were private once are public now.
  std::unique_ptr<Weights> Of(std::string_view attribute) override {
    std::string path = Join(path_, attribute);
    if (!file_.groups.contains(path)) {
      const std::string other = Join(path_, attribute.starts_with('_') ? attribute.substr(1) : StrCat("_", attribute));
      if (file_.groups.contains(other)) path = other;
    }
    return std::make_unique<Path>(file_, std::move(path));
  }

  std::vector<std::unique_ptr<Weights>> OfLayers(const std::vector<LayerId>& layers) override {
    std::string folder = Join(path_, "layers");
    if (!file_.groups.contains(folder)) folder = Join(path_, "_layer_checkpoint_dependencies");
    const std::map<std::string, std::string> by_name = ByName(folder);
    std::map<std::string, int> used;
    std::vector<std::unique_ptr<Weights>> weights;
    for (const LayerId& layer : layers) {
      std::string name;
      if (!layer.class_name.starts_with("ops>")) {  // an operator is no layer
        const std::string base = SnakeCase(layer.class_name);
        const auto at = [&](int place) { return place == 0 ? base : StrCat(base, "_", place); };
        int& place = used[base];
        // Keras 2.12 counts a layer with weights twice: its second place stays empty.
        const auto stored = [&](int k) { return file_.groups.contains(Join(folder, at(k))); };
        if (place > 0 && !stored(place) && stored(place + 1)) ++place;
        name = at(place++);
      }
      const auto named = by_name.find(layer.name);
      if (named != by_name.end()) name = named->second;
      weights.push_back(std::make_unique<Path>(file_, Join(folder, name)));
    }
    return weights;
  }

 private:
  // Newer versions of Keras say which layer a group belongs to.
  std::map<std::string, std::string> ByName(const std::string& folder) const {
    std::map<std::string, std::string> by_name;
    const std::string prefix = folder + "/";
    for (auto group = file_.groups.lower_bound(prefix); group != file_.groups.end(); ++group) {
      if (!group->first.starts_with(prefix)) break;
      const std::string_view inner = std::string_view(group->first).substr(prefix.size());
      const size_t slash = inner.find('/');
      if (slash == std::string_view::npos || inner.substr(slash) != "/vars") continue;
      const auto* name = file_.Attribute(group->first, "name");
      if (name != nullptr && name->size() == 1) by_name.emplace((*name)[0], inner.substr(0, slash));
    }
    return by_name;
  }

  const Hdf5File& file_;
  std::string path_;
  int next_ = 0;
};

}  // namespace

std::unique_ptr<Weights> PathWeights(const Hdf5File& file) { return std::make_unique<Path>(file, ""); }

}  // namespace permafrost::keras

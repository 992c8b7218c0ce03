#include <algorithm>

#include "tests/support/random_graph_maker.h"

namespace permafrost {
namespace {

using Make = RandomGraphMaker;

// [1, a, b, 1] or [1, 1, a, b]
Dims Spatial(bool first, const Dims& sizes) {
  Dims all = {1};
  if (first) all.push_back(1);
  all.insert(all.end(), sizes.begin(), sizes.end());
  if (!first) all.push_back(1);
  return all;
}

struct Picture {
  Operand x;
  bool nchw = false;
  int64_t channels = 1;
  Dims size;
};
Picture TakePicture(Make& make, int spatial) {
  Picture picture{make.Data(spatial + 2), spatial == 2 && make.nchw(), 1, {}};
  const int first = picture.nchw ? 2 : 1;
  picture.channels = picture.x.dim(picture.nchw ? 1 : -1);
  for (int i = 0; i < spatial; ++i) picture.size.push_back(picture.x.dim(first + i));
  return picture;
}
std::string Format(const Picture& picture) {
  if (picture.size.size() == 3) return picture.nchw ? "NCDHW" : "NDHWC";
  return picture.nchw ? "NCHW" : "NHWC";
}

// Sizes along the spatial axes, mostly the same.
Dims Sizes(Make& make, size_t count, int64_t low, int64_t high) {
  Dims sizes(count, make.Int(low, high));
  if (make.Coin(0.4)) {
    for (int64_t& size : sizes) size = make.Int(low, high);
  }
  return sizes;
}

AttrMap WindowAttrs(Make& make, const Picture& picture, bool explicit_too) {
  AttrMap attrs = {{"strides", Spatial(picture.nchw, Sizes(make, picture.size.size(), 1, make.Coin(0.7) ? 2 : 3))},
                   {"padding", std::string(make.Coin() ? "SAME" : "VALID")},
                   {"data_format", Format(picture)}};
  if (explicit_too && make.Coin(0.15)) {
    Dims pads(8, 0);
    for (size_t i = 0; i < 4; ++i) pads[(picture.nchw ? 4 : 2) + i] = make.Int(0, 1);
    attrs["padding"] = std::string("EXPLICIT");
    attrs["explicit_paddings"] = pads;
  }
  return attrs;
}

// A bias or an activation often follows.
bool AndBias(Make& make, const std::optional<Operand>& result, bool nchw) {
  if (!result.has_value()) return false;
  if (make.Coin()) return make.Keep(result);
  const Operand bias = make.Floats({result->dim(nchw ? 1 : -1)});
  if (nchw) return make.Keep(make.Add("BiasAdd", {*result, bias}, {{"data_format", std::string("NCHW")}}));
  return make.Keep(make.Add(make.OneOf<std::string>({"BiasAdd", "BiasAdd", "Add", "AddV2"}), {*result, bias}));
}

bool Convolve(Make& make, std::string_view op) {
  const int spatial = op == "Conv3D" ? 3 : 2;
  const Picture picture = TakePicture(make, spatial);
  AttrMap attrs = WindowAttrs(make, picture, spatial == 2);
  Dims kernel = Sizes(make, picture.size.size(), 1, 3);
  if (make.Coin(0.2) && spatial == 2) {
    attrs["dilations"] = Spatial(picture.nchw, Sizes(make, picture.size.size(), 1, 2));
    if (op == "DepthwiseConv2dNative" || make.Coin()) attrs["strides"] = Dims(static_cast<size_t>(spatial) + 2, 1);
  }
  int64_t groups = 1;
  if (op == "Conv2D" && make.Coin(0.15) && picture.channels % 2 == 0) groups = 2;
  kernel.push_back(picture.channels / groups);
  kernel.push_back(op == "DepthwiseConv2dNative" ? make.Int(1, 2) : groups * make.Int(1, 4));
  if (op == "DepthwiseConv2dNative") {
    auto& strides = std::get<Dims>(attrs["strides"]);
    const size_t h = picture.nchw ? 2 : 1;
    strides[h + 1] = strides[h];
  }
  return AndBias(make, make.Add(op, {picture.x, make.Floats(kernel)}, attrs), picture.nchw);
}

bool Deconvolve(Make& make, std::string_view op) {
  const int spatial = op == "Conv2DBackpropInput" ? 2 : 3;
  if (spatial == 2 && make.nchw()) return false;
  const Picture picture = TakePicture(make, spatial);
  const Dims strides = Sizes(make, picture.size.size(), 1, 3), window = Sizes(make, picture.size.size(), 1, 3);
  const bool same = make.Coin();
  const int64_t out_channels = make.Int(1, 3), dilation = make.Coin(0.15) ? 2 : 1;
  Dims shape = {picture.x.dim(0)}, kernel = window;
  for (size_t i = 0; i < picture.size.size(); ++i) {
    const int64_t reach = dilation * (window[i] - 1) + 1;
    const int64_t least = same ? (picture.size[i] - 1) * strides[i] + 1 : (picture.size[i] - 1) * strides[i] + reach;
    shape.push_back(least + (make.Coin(0.7) ? (same ? strides[i] - 1 : std::max<int64_t>(strides[i] - reach, 0))
                                            : make.Int(0, strides[i] - 1)));
  }
  shape.push_back(out_channels);
  kernel.push_back(out_channels);
  kernel.push_back(picture.channels);
  AttrMap attrs = {{"strides", Spatial(false, strides)},
                   {"padding", std::string(same ? "SAME" : "VALID")},
                   {"data_format", Format(picture)}};
  if (dilation > 1) attrs["dilations"] = Spatial(false, Dims(picture.size.size(), dilation));
  return AndBias(make, make.Add(op, {make.Int32s({spatial + 2}, shape), make.Floats(kernel), picture.x}, attrs), false);
}

bool Pool(Make& make, std::string_view op) {
  const int spatial = op.ends_with("3D") ? 3 : 2;
  const Picture picture = TakePicture(make, spatial);
  AttrMap attrs = WindowAttrs(make, picture, false);
  const Dims window = Spatial(picture.nchw, Sizes(make, picture.size.size(), 1, 3));
  if (op == "MaxPoolV2") {
    const Dims strides = std::get<Dims>(attrs["strides"]);
    attrs.erase("strides");
    return make.Try(op, {picture.x, make.Int32s({4}, window), make.Int32s({4}, strides)}, attrs);
  }
  attrs["ksize"] = window;
  if (op == "MaxPoolWithArgmax" && make.nchw()) return false;
  if (op == "MaxPoolWithArgmax") attrs.erase("data_format"), attrs["Targmax"] = DType::kInt64;
  return make.Try(op, {picture.x}, attrs);
}

bool Dense(Make& make, std::string_view op) {
  const Operand x = make.Data(2);
  const bool a = make.Coin(0.2), b = make.Coin(0.2);
  const int64_t in = x.dim(a ? 0 : 1), out = make.Int(1, 5);
  const Dims weights = b ? Dims{out, in} : Dims{in, out};
  const AttrMap attrs = {{"transpose_a", a}, {"transpose_b", b}};
  if (make.Coin(0.15)) {  // a constant on the left
    const Dims left = b ? Dims{out, x.dim(1)} : Dims{out, x.dim(0)};
    return make.Try(op, {make.Floats(left), x}, {{"transpose_b", b}});
  }
  if (make.Coin(0.75)) return AndBias(make, make.Add(op, {x, make.Floats(weights)}, attrs), false);
  const auto square = make.Add("Reshape", {make.Like(x), make.Ints(x.dims())});
  return square.has_value() && make.Try(op, {x, *square}, {{"transpose_a", false}, {"transpose_b", true}});
}

bool BatchDense(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, op == "BatchMatMul" ? 3 : 4);
  AttrMap attrs = {{"adj_x", make.Coin(0.2)}, {"adj_y", make.Coin(0.4)}};
  const bool adj_x = std::get<bool>(attrs["adj_x"]), adj_y = std::get<bool>(attrs["adj_y"]);
  const int64_t in = x.dim(adj_x ? -2 : -1), out = make.Int(1, 4);
  if (op == "BatchMatMulV3") attrs["Tout"] = DType::kFloat32;
  if (make.Coin(0.5)) {
    Dims dims = op == "BatchMatMul" || make.Coin() ? Dims(x.dims().begin(), x.dims().end() - 2) : Dims{};
    dims.push_back(adj_y ? out : in);
    dims.push_back(adj_y ? in : out);
    return make.Try(op, {x, make.Floats(dims)}, attrs);
  }
  attrs["adj_x"] = false;
  attrs["adj_y"] = true;
  return make.Try(op, {x, make.Like(x)}, attrs);
}

bool Einstein(Make& make, std::string_view op) {
  struct Form {
    const char* equation;
    int rank;
    bool constant;
  };
  const Form form = make.OneOf<Form>({{"ab,bc->ac", 2, true},
                                      {"ab,ab->a", 2, false},
                                      {"ab,cb->ac", 2, false},
                                      {"ab->ba", 2, false},
                                      {"abc,cd->abd", 3, true},
                                      {"abc,dc->abd", 3, true},
                                      {"abc,cde->abde", 3, true},
                                      {"abc,abc->ab", 3, false},
                                      {"abc,adc->abd", 3, false},
                                      {"abc,abd->acd", 3, false},
                                      {"abc->acb", 3, false},
                                      {"abc->ac", 3, false},
                                      {"abcd,de->abce", 4, true},
                                      {"abcd,cde->abe", 4, true},
                                      {"abcd,aecd->acbe", 4, false},
                                      {"abcd,abed->abce", 4, false},
                                      {"abcd->adbc", 4, false},
                                      {"...a,ab->...b", 3, true}});
  const Operand x = make.Data(form.rank);
  const std::string equation = form.equation;
  const size_t comma = equation.find(',');
  if (comma == std::string::npos) return make.Try(op, {x}, {{"equation", equation}});
  std::map<char, int64_t> sizes;
  const std::string left = equation.substr(0, comma),
                    right = equation.substr(comma + 1, equation.find('-') - comma - 1);
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i] != '.') sizes[left[i]] = x.dim(static_cast<int>(i) - static_cast<int>(left.size()));
  }
  Dims dims;
  for (const char letter : right) {
    if (!sizes.contains(letter)) sizes[letter] = make.Int(2, 4);
    dims.push_back(sizes[letter]);
  }
  if (form.constant) return make.Try(op, {x, make.Floats(dims)}, {{"equation", equation}});
  if (dims == x.dims()) return make.Try(op, {x, make.Like(x)}, {{"equation", equation}});
  if (right.size() == left.size()) return make.Try(op, {x, make.Like(x)}, {{"equation", equation}});
  return false;
}

bool Bias(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, 5);
  const bool nchw = op == "BiasAdd" && x.rank() == 4 && make.nchw();
  if (op == "BiasAddV1" && make.nchw()) return false;
  AttrMap attrs;
  if (op == "BiasAdd") attrs["data_format"] = std::string(nchw ? "NCHW" : "NHWC");
  return make.Try(op, {x, make.Floats({x.dim(nchw ? 1 : -1)})}, attrs);
}

bool Normalize(Make& make, std::string_view op) {
  const Operand x = make.Data(4);
  const bool fused = op != "BatchNormWithGlobalNormalization";
  if (!fused && make.nchw()) return false;
  const bool nchw = fused && make.nchw(), training = fused && make.Coin(0.25);
  const Dims dims = {x.dim(nchw ? 1 : 3)};
  const Operand scale = make.Floats(dims, 0.5, 1.5), offset = make.Floats(dims);
  const Operand mean = make.Floats(dims, -0.5, 0.5), variance = make.Floats(dims, 0.3, 2);
  if (!fused) {
    return make.Try(op, {x, mean, variance, offset, scale},
                    {{"variance_epsilon", 0.01F}, {"scale_after_normalization", make.Coin()}});
  }
  const AttrMap attrs = {
      {"epsilon", 0.01F}, {"is_training", training}, {"data_format", std::string(nchw ? "NCHW" : "NHWC")}};
  if (training) return make.Try(op, {x, scale, offset, make.Floats({0}), make.Floats({0})}, attrs);
  return make.Try(op, {x, scale, offset, mean, variance}, attrs);
}

bool LocalResponse(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  return make.Try(op, {make.Data(4)},
                  {{"depth_radius", make.Int(1, 3)},
                   {"bias", static_cast<float>(make.Real(0.5, 2))},
                   {"alpha", static_cast<float>(make.Real(0.1, 1))},
                   {"beta", static_cast<float>(make.Real(0.3, 0.8))}});
}
bool SoftMaximum(Make& make, std::string_view op) { return make.Try(op, {make.DataOfRank(1, 5)}); }
bool Leaky(Make& make, std::string_view op) {
  return make.Try(op, {make.Data()}, {{"alpha", static_cast<float>(make.Real(0.05, 1.5))}});
}

bool Resize(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  const Operand x = make.Data(4);
  Dims size = {make.Int(1, 9), make.Int(1, 9)};
  if (make.Coin(0.6)) {
    const int64_t factor = make.Int(2, 3);
    size = {x.dim(1) * factor, x.dim(2) * factor};
  }
  AttrMap attrs = {{"align_corners", make.Coin(0.3)}};
  if (op != "ResizeArea") attrs["half_pixel_centers"] = !std::get<bool>(attrs["align_corners"]) && make.Coin();
  return make.Try(op, {x, make.Int32s({2}, size)}, attrs);
}
bool ScaleAndTranslate(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  const Operand x = make.Data(4);
  return make.Try(
      op,
      {x, make.Int32s({2}, {make.Int(2, 9), make.Int(2, 9)}), make.Floats({2}, 0.5, 2), make.Floats({2}, -0.5, 0.5)},
      {{"kernel_type", std::string("triangle")}, {"antialias", make.Coin()}});
}
bool Crop(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  const Operand x = make.Data(4);
  const int64_t boxes = make.Int(1, 3);
  Dims which(static_cast<size_t>(boxes));
  for (int64_t& index : which) index = make.Int(0, x.dim(0) - 1);
  std::vector<float> corners;
  for (int64_t i = 0; i < boxes; ++i) {
    for (const double low : {0.0, 0.0, 0.5, 0.5}) corners.push_back(static_cast<float>(make.Real(low, low + 0.45)));
  }
  const Tensor tensor = Tensor::Of<float>({boxes, 4}, corners);
  return make.Try(
      op,
      {x, Operand{{}, tensor, tensor}, make.Int32s({boxes}, which), make.Int32s({2}, {make.Int(1, 4), make.Int(1, 4)})},
      {{"method", std::string(make.Coin(0.7) ? "bilinear" : "nearest")}});
}
bool Patches(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  return make.Try(op, {make.Data(4)},
                  {{"ksizes", Dims{1, make.Int(1, 3), make.Int(1, 3), 1}},
                   {"strides", Dims{1, make.Int(1, 2), make.Int(1, 2), 1}},
                   {"rates", Dims{1, 1, 1, 1}},
                   {"padding", std::string(make.Coin() ? "SAME" : "VALID")}});
}

}  // namespace

std::vector<RandomOp> RandomLayers() {
  return {{"Conv2D", Convolve},
          {"Conv2D", Convolve},
          {"Conv2D", Convolve},
          {"DepthwiseConv2dNative", Convolve},
          {"Conv3D", Convolve},
          {"Conv2DBackpropInput", Deconvolve},
          {"Conv3DBackpropInputV2", Deconvolve},
          {"MaxPool", Pool},
          {"MaxPoolV2", Pool},
          {"AvgPool", Pool},
          {"MaxPool3D", Pool},
          {"AvgPool3D", Pool},
          {"MaxPoolWithArgmax", Pool},
          {"MatMul", Dense},
          {"MatMul", Dense},
          {"BatchMatMul", BatchDense},
          {"BatchMatMulV2", BatchDense},
          {"BatchMatMulV3", BatchDense},
          {"Einsum", Einstein},
          {"BiasAdd", Bias},
          {"BiasAddV1", Bias},
          {"FusedBatchNorm", Normalize},
          {"FusedBatchNormV2", Normalize},
          {"FusedBatchNormV3", Normalize},
          {"BatchNormWithGlobalNormalization", Normalize},
          {"LRN", LocalResponse},
          {"Softmax", SoftMaximum},
          {"LogSoftmax", SoftMaximum},
          {"LeakyRelu", Leaky},
          {"ResizeBilinear", Resize},
          {"ResizeNearestNeighbor", Resize},
          {"ResizeBicubic", Resize},
          {"ResizeArea", Resize},
          {"ScaleAndTranslate", ScaleAndTranslate},
          {"CropAndResize", Crop},
          {"ExtractImagePatches", Patches}};
}

}  // namespace permafrost

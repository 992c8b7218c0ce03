#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "optimizer/passes/rewrite.h"

// How the importer sees a graph; questions that several legalising passes ask.
namespace permafrost {

// Conv2D, DepthwiseConv2dNative, Conv2DBackpropInput, Conv3D, MatMul with constant weights: layers with a bias of their
// own.
bool TakesBias(const Graph& graph, NodeId id);

// May the importer treat the value as a batch of one?
bool BatchIsOne(const ValueType& type);

// A constant with one value per last-axis channel ([C], [1,C], [1,1,1,C]), more than one.
bool IsChannelVector(const Tensor& constant);

// A constant that does not only differ from channel to channel, spread over all of x but its batch, in the order in
// which the importer lays x out; nullopt where it is no such constant or that is not possible.
std::optional<Tensor> ConstantAsItLies(const Graph& graph, Value x, const Tensor& constant);

// Both shapes are the same, dim by dim; unknown dims count as the same only in the same place of the same rank.
bool SameShape(const ValueType& a, const ValueType& b);

// The layout of a 4-D or 5-D value as the nodes that make it (above) or use it (below) take it: that of the first
// data_format or change of layout met. If there is none "NHWC" for 4-D, "" for 5-D; "" for other ranks, which lie as
// TensorFlow numbers them.
std::string LayoutAbove(const Graph& graph, Value value);
std::string SaidLayoutAbove(const Graph& graph, Value value);  // "" where nothing says
std::string LayoutBelow(const GraphEditor& editor, Value value);

// While it lives, LayoutAbove of this graph, which must not change, is looked up rather than searched: for walks over all
// nodes. One at a time in a thread.
class KnownLayouts {
 public:
  explicit KnownLayouts(const Graph& graph);
  ~KnownLayouts();
  KnownLayouts(const KnownLayouts&) = delete;
  KnownLayouts& operator=(const KnownLayouts&) = delete;
};

// What a Transpose between the two layouts gives (`result`) or takes; "" for any other node.
std::string LayoutOfTranspose(const Graph& graph, const Node& node, bool result);

// The importer multiplies with a vector along axis 1, where only pictures and matrices have their channels, unless an
// attribute that TensorFlow does not know names another.
void SetScaleAxis(GraphEditor& editor, NodeId mul);

// y = x * ones + shift: one Scale layer in cv::dnn, right for any batch.
Value EmitShift(GraphEditor& editor, std::string_view name, Value x, Tensor shift);

// Where two live values are multiplied the importer works out their shapes, for which all inputs that it has read by then
// must be connected already. Of several inputs some may not be, and of an unknown number of rows it takes one, which may
// not be what the graph takes: the shapes must not be written.
bool MisreadsInputShapes(const Graph& graph);

// cv::dnn has no scalars. May a value of rank 0 have the shape [1] instead? Not where that would show: only broadcasting,
// changes of shape and the end of the graph may follow.
bool MayBeVector(const GraphEditor& editor, Value scalar);

Value EmitReshape(GraphEditor& editor, std::string_view name, Value x, const std::vector<int64_t>& dims);

// Any rank but 4 and 5 -> NHWC; of the dims only the first may be -1. The importer lays 4-D data out as NCHW but a
// plain Reshape does not move them; this chain does, in every release.
Value EmitReshapeToNhwc(GraphEditor& editor, std::string_view name, Value x, const std::vector<int64_t>& dims);

}  // namespace permafrost

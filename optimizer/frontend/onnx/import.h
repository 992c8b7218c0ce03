#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/frontend/onnx/onnx_file.h"
#include "optimizer/frontend/onnx/onnx_tensor.h"
#include "optimizer/ir/axes.h"
#include "optimizer/ir/graph_editor.h"

// ONNX on its way to TensorFlow's ops. ONNX has channels at axis 1, TensorFlow's ops on pictures have them last: a value
// remembers in which form or forms it exists, so that data stay channels-last from convolution to convolution. Where an
// op needs the form that is not there a Transpose makes it. Inputs and outputs of the graph lie as the file says.
namespace permafrost::from_onnx {

enum class Lie { kPlain, kChannelsLast };

// Where ONNX's axis goes when channels come last, and the order of axes that does it.
int AxisWhen(Lie lie, int axis, int rank);
std::vector<int64_t> OrderToLast(int rank);   // 0 2 3 1
std::vector<int64_t> OrderToPlain(int rank);  // 0 3 1 2

// A name as nodes of a graph may have it: what TensorFlow's names cannot hold becomes '_', ":0" and a leading '/' go.
std::string NodeNameOf(std::string_view name);

class Importer {
 public:
  Importer(GraphEditor& editor, const OnnxFile& file, const TensorSource& source)
      : editor_(editor), file_(file), source_(source) {}
  Status AddInitializers(const FileGraph& graph);
  Status AddInput(std::string_view name, Value value);
  // Names that only the graph's inputs and outputs may have.
  void Reserve(std::string_view name) { reserved_.emplace(name); }
  Status Import(const FileNode& node);
  // The value in the file's own order of axes.
  StatusOr<Value> Output(std::string_view name);
  std::vector<std::string>& notes() { return notes_; }

 private:
  friend class OpImport;
  struct Entry {
    std::string_view name;
    std::optional<Value> plain, last;
    std::optional<Tensor> tensor;  // an initializer
  };
  StatusOr<Value> In(Entry& entry, Lie lie);
  StatusOr<Value> Add(Node node);
  Value AddConst(std::string_view name, Tensor tensor);
  Shape ShapeOf(const Entry& entry) const;

  GraphEditor& editor_;
  const OnnxFile& file_;
  const TensorSource& source_;
  std::map<std::string_view, Entry> values_;
  std::set<std::string, std::less<>> reserved_;
  std::map<Value, Value> narrowed_;  // by their integer
  std::deque<std::string> spelled_names_;
  std::vector<std::string> notes_;
  int depth_ = 0;  // of graphs inside attributes
};

struct SpelledNode {
  std::string_view op;
  std::vector<std::string> inputs, outputs;
  std::map<std::string_view, FileAttr> attrs = {};
};

// One node: its inputs, its attributes, and the nodes that it becomes. Errors need not name it; the caller does.
class OpImport {
 public:
  OpImport(Importer& importer, const FileNode& node);

  const FileNode& node() const { return node_; }
  int64_t opset() const { return opset_; }

  // --- attributes. One of the wrong kind is an error, see status().
  bool HasAttr(std::string_view name) const { return node_.attrs.contains(name); }
  int64_t Int(std::string_view name, int64_t fallback);
  double Float(std::string_view name, double fallback);
  std::string String(std::string_view name, std::string_view fallback);
  std::vector<int64_t> IntList(std::string_view name, std::vector<int64_t> fallback = {});
  std::vector<double> FloatList(std::string_view name);
  std::vector<std::string> StringList(std::string_view name);
  StatusOr<Tensor> TensorAttr(std::string_view name);
  const Status& status() const { return status_; }

  // --- inputs
  int inputs() const { return static_cast<int>(node_.inputs.size()); }
  bool Has(int i) const { return i < inputs() && !node_.inputs[static_cast<size_t>(i)].empty(); }
  StatusOr<Value> In(int i, Lie lie = Lie::kPlain);
  StatusOr<Value> Last(int i) { return In(i, Lie::kChannelsLast); }
  // The form that it has; channels-last where it has both.
  Lie LieOf(int i) const;
  Shape shape(int i) const;  // as ONNX counts the axes
  DType dtype(int i) const;
  StatusOr<int> Rank(int i) const;
  const Tensor* Constant(int i) const;
  std::string_view ProducerOf(int i) const;  // TensorFlow's op that gives it, "" where that is not known
  // What a list of numbers says, where that is known: a constant, or integers that shape inference knows in full.
  std::optional<std::vector<int64_t>> Ints(int i) const;
  // The same with kUnknownInt for what is not known.
  std::optional<std::vector<int64_t>> PartialInts(int i) const;
  std::optional<std::vector<double>> Numbers(int i) const;
  // An attribute up to some opset, an input from then on. nullopt: not known; empty: not given.
  std::optional<std::vector<int64_t>> IntsOf(std::string_view attr, int input);

  // --- new nodes
  const ValueType& type(Value value) const { return importer_.editor_.graph().type(value); }
  // Adds a node and infers its type. What hangs on small constants only is worked out at once: ONNX says sizes and axes
  // by nodes. `suffix`: of its name, where the op's does not do.
  StatusOr<Value> Emit(std::string_view op, std::vector<Value> inputs, AttrMap attrs = {}, std::string_view suffix = "");
  Value Const(std::string_view suffix, Tensor tensor);
  Value Indices(std::string_view suffix, const std::vector<int64_t>& values);  // an int32 vector
  Value Index(std::string_view suffix, int64_t value);                         // an int32 scalar
  Value Number(std::string_view suffix, double value, DType dtype);            // a scalar
  StatusOr<Value> Transposed(Value value, const std::vector<int64_t>& order);
  // x op number
  StatusOr<Value> WithNumber(std::string_view op, Value x, double number);

  // An input of indices, which TensorFlow counts from the front only: constants below 0 get the dim of their axis added,
  // which is dims[i] for the i-th number of the last axis, or the only one for all.
  StatusOr<Value> Counted(int input, const std::vector<int64_t>& dims);
  // Floats that are whole numbers already as such, and back: what was narrowed is the float that it was.
  StatusOr<Value> Narrowed(Value x, DType dtype);
  StatusOr<Value> Widened(Value x);

  // --- several inputs that are combined element by element: in one form, broadcast as numpy does it.
  struct Operands {
    std::vector<Value> values;
    Lie lie = Lie::kPlain;
  };
  StatusOr<Operands> Combined(const std::vector<int>& inputs);
  StatusOr<Operands> Combined();  // all

  // --- outputs
  int outputs() const { return static_cast<int>(node_.outputs.size()); }
  bool IsUsed(int port) const;
  Status Set(int port, Value value, Lie lie = Lie::kPlain);
  Status SetSame(int port, int input);
  void Note(std::string text);
  // The nodes of a graph in an attribute become part of this one. Its outputs are this node's.
  Status Inline(std::string_view attr);
  // The node in other ops of ONNX. "<2" is its input 2, ">0" its output 0; other names are the nodes' own.
  Status Spell(const std::vector<SpelledNode>& nodes);

 private:
  Importer::Entry* EntryOf(int i) const;
  const FileAttr* AttrOf(std::string_view name, FileAttr::Kind kind);
  Importer& importer_;
  const FileNode& node_;
  const std::string base_;  // of the names of new nodes
  const int64_t opset_;
  const NodeId first_;  // nodes from here on are this op's
  Status status_;
};

using ImportFn = Status (*)(OpImport& op);

struct ImportRow {
  std::string_view op;
  ImportFn import;
  int min_inputs = 1;
  int max_inputs = 1;            // -1: any number
  std::string_view tf = "";      // what rows that share a function differ in
};

// Null for an op we do not know. The rows, a family a file.
const ImportRow* FindImport(std::string_view op);
const std::vector<ImportRow>& AllImports();
std::vector<ImportRow> ElementwiseImports();
std::vector<ImportRow> ActivationImports();
std::vector<ImportRow> WindowImports();
std::vector<ImportRow> PoolImports();
std::vector<ImportRow> NormImports();
std::vector<ImportRow> ProductImports();
std::vector<ImportRow> ReductionImports();
std::vector<ImportRow> ShapeImports();
std::vector<ImportRow> MoveImports();
std::vector<ImportRow> PlaceImports();
std::vector<ImportRow> ImageImports();
std::vector<ImportRow> QuantizedImports();
std::vector<ImportRow> RecurrentImports();

// The row of this node.
const ImportRow& RowOf(const OpImport& op);

}  // namespace permafrost::from_onnx

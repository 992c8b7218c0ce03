#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/ir/graph_editor.h"
#include "tests/support/random_graph.h"

namespace permafrost {

using Dims = std::vector<int64_t>;

// A value while a random graph is made: what it is, and what it would be with rounding noise on all that it came from.
struct Operand {
  Value value;  // no node yet: a constant that becomes one with its first user
  Tensor exact, noisy;
  const Dims& dims() const { return exact.dims(); }
  int rank() const { return exact.rank(); }
  int64_t dim(int axis) const { return dims()[static_cast<size_t>(axis < 0 ? axis + rank() : axis)]; }
};

class RandomGraphMaker {
 public:
  explicit RandomGraphMaker(uint64_t seed);
  StatusOr<RandomGraph> Make(const RandomGraphOptions& options);

  // Dice.
  int64_t Int(int64_t low, int64_t high);  // both included
  bool Coin(double chance = 0.5);
  double Real(double low, double high);
  template <class T>
  T OneOf(const std::vector<T>& choices) {
    return choices[static_cast<size_t>(Int(0, static_cast<int64_t>(choices.size()) - 1))];
  }
  int Axis(const Operand& x) { return static_cast<int>(Int(0, x.rank() - 1)); }
  int64_t AnySign(int axis, int rank) { return Coin() ? axis : axis - rank; }  // an axis counted from either end
  Dims Shuffled(int64_t count);                                                // 0 .. count-1
  Dims SmallDims(int rank);

  // Constants.
  Operand Floats(const Dims& dims, double low = -1, double high = 1);
  Operand Number(double value);
  Operand Ints(const Dims& values);  // a vector, int32 or int64
  Operand Int32s(const Dims& dims, const Dims& values);
  Operand Index(int64_t value);  // a scalar, int32 or int64

  // Live floats, mostly the latest. Of this rank, if need be through a Reshape or a new input.
  Operand Data();
  Operand Data(int rank);
  Operand DataOfRank(int least, int most);
  bool batch_is_known() const { return !forgets_; }
  bool nchw() const { return nchw_; }                // all pictures of a graph have their channels on the same side
  std::optional<Operand> Another(const Dims& dims);  // of exactly these dims, not a constant
  Operand Like(const Operand& x);                    // live, other numbers, the same dims
  Operand InRange(const Operand& x, double low, double high);  // squeezed into it unless it is there

  // Adds a node; nullopt where its results cannot be compared or are too large. `port` is the one wanted.
  std::optional<Operand> Add(std::string_view op, const std::vector<Operand>& inputs, AttrMap attrs = {}, int port = 0);
  // The same for an op of the table: the result goes into the pool.
  bool Try(std::string_view op, const std::vector<Operand>& inputs, AttrMap attrs = {}, int port = 0);
  bool Keep(const std::optional<Operand>& result);

 private:
  uint64_t Next();
  Operand NewInput(int rank);
  Tensor Noisy(const Tensor& exact, std::string_view op);
  bool Comparable(const Tensor& exact, const Tensor& noisy, bool may_be_constant) const;
  void ForgetTheBatch();
  StatusOr<RandomGraph> Finish();

  uint64_t state_;
  bool nchw_ = false, forgets_ = false;
  Graph graph_;
  std::optional<GraphEditor> editor_;
  std::vector<Operand> pool_;
  std::vector<NamedTensor> feeds_;
  std::map<std::string, int> numbers_;
  Status problem_;
};

// How to add one op to a graph: false where the dice fell badly.
struct RandomOp {
  std::string_view op;
  std::function<bool(RandomGraphMaker& make, std::string_view op)> add;
};
std::vector<RandomOp> RandomArithmetic();  // random_arithmetic.cc
std::vector<RandomOp> RandomMoves();       // random_moves.cc
std::vector<RandomOp> RandomLayers();      // random_layers.cc
const std::vector<RandomOp>& AllRandomOps();

}  // namespace permafrost

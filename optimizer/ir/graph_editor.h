#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// A place where a value is used: input `index` of `node`.
struct Use {
  NodeId node;
  int index;
  bool operator==(const Use&) const = default;
};

// The only way to change a Graph. Keeps an index of users; one editor per graph at a time.
class GraphEditor {
 public:
  explicit GraphEditor(Graph& graph);

  const Graph& graph() const { return graph_; }
  const Node& node(NodeId id) const { return graph_.node(id); }

  // The node's name is made unique when it is taken ("x", "x_1", "x_2" ...).
  NodeId AddNode(Node node);
  NodeId AddConst(std::string_view name, Tensor tensor);
  std::string UniqueName(std::string_view base) const;

  // Every use of `from` as data input and every graph output becomes `to`. Not `to`'s own node's inputs.
  void ReplaceUses(Value from, Value to);
  void SetInput(NodeId id, int index, Value value);
  void SetInputs(NodeId id, std::vector<Value> inputs);
  void SetControls(NodeId id, std::vector<NodeId> controls);
  void SetOp(NodeId id, std::string_view op);
  void SetAttr(NodeId id, std::string_view name, Attr value);
  void RemoveAttr(NodeId id, std::string_view name);
  void Rename(NodeId id, std::string_view name);  // the name must be free
  // Not a change of the graph's meaning: the revision stays.
  void SetOutputTypes(NodeId id, std::vector<ValueType> types);

  void SetGraphInputs(std::vector<NodeId> inputs);
  void SetGraphOutputs(std::vector<GraphOutput> outputs);
  void SetFunction(std::string_view name, std::shared_ptr<const Graph> body);
  void ClearFunctions();

  // Removes a node nobody uses as data; control edges to it vanish.
  void RemoveNode(NodeId id);
  // Removes everything that no output reaches over data or control edges; graph inputs stay. Returns how many went.
  int64_t PruneDead();
  // Renumbers the nodes so that positions follow `order` (all live nodes, each once). Ids change.
  void Reorder(const std::vector<NodeId>& order);

  const std::vector<Use>& Users(NodeId id) const { return users_[static_cast<size_t>(id)]; }  // of any port
  std::vector<Use> Users(Value value) const;
  const std::vector<NodeId>& ControlUsers(NodeId id) const { return control_users_[static_cast<size_t>(id)]; }
  bool IsOutput(Value value) const;
  // One user in all, graph outputs counted as users.
  bool HasOneUse(Value value) const;

 private:
  void RemoveUse(Value value, Use use);
  void AddControlUses(NodeId id);
  void RemoveControlUses(NodeId id);
  void Touch() { ++graph_.revision_; }
  Node& mutable_node(NodeId id) { return graph_.nodes_[static_cast<size_t>(id)]; }
  void IndexUsers();
  Graph& graph_;
  std::vector<std::vector<Use>> users_;
  std::vector<std::vector<NodeId>> control_users_;
};

}  // namespace permafrost

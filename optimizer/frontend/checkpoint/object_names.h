#pragma once

#include <memory>

#include "optimizer/ir/variable_source.h"
#include "permafrost/object_graph.pb.h"

namespace permafrost {

// TensorFlow 2's object-based checkpoints keep a variable under its path from the root object
// ("model/layer/kernel/.ATTRIBUTES/VARIABLE_VALUE") and its own name ("dense/kernel") in a graph of objects beside it.
// Gives `source` with both names; the same source if it has no such graph.
// Errors: a graph of objects that is damaged. Get: a name that several objects share.
StatusOr<std::shared_ptr<const VariableSource>> WithObjectNames(std::shared_ptr<const VariableSource> source);

// That graph of objects; left empty if there is none. Errors: damage.
Status ReadObjectGraph(const VariableSource& source, tf::TrackableObjectGraph& graph);

}  // namespace permafrost

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "optimizer/ir/graph.h"
#include "optimizer/support/limits.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {

// A serialised GraphDef as an imported Graph: nodes in file order, ":k" ports, control inputs, the function library.
// Weights become views into `file` if it is given (`bytes` then lies inside it), copies otherwise. Placeholders are
// nodes, not yet graph inputs; there are no graph outputs. Internal attributes (leading underscore), devices and debug
// info are not kept.
// Errors: damage, a name used twice, an input that no node provides, limits.
StatusOr<Graph> ReadGraphDef(std::string_view bytes, const std::shared_ptr<const MappedFile>& file,
                             const Limits& limits);

// The same from protobuf text form (.pbtxt). Unknown fields are skipped.
StatusOr<Graph> ReadGraphDefText(std::string_view text, const Limits& limits);

}  // namespace permafrost

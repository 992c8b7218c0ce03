#pragma once

#include <map>
#include <string>
#include <vector>

#include "optimizer/frontend/meta_graph/read_meta_graph.h"

namespace permafrost {

// The files from which lookup tables are filled, by the table's node.
std::map<std::string, std::string> FilesOfTables(const Graph& graph, const std::vector<Asset>& assets);

// Errors: an output that needs a lookup table, which no frozen graph holds. Names node, op and file.
Status CheckNoTables(const Graph& graph, const std::map<std::string, std::string>& files);

}  // namespace permafrost

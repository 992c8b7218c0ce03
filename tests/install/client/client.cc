#include <iostream>

#include "optimizer/frontend/open_model.h"
#include "optimizer/support/version.h"

int main(int, char** argv) {
  const auto model = permafrost::OpenModel(argv[1], {});
  if (!model.ok()) return 1;
  std::cout << "permafrost " << permafrost::Version() << ": " << model->graph.node_count() << " nodes\n";
}

#include "optimizer/backends/graphdef/widen_function.h"

namespace permafrost {

void AddWidenFunction(tf::FunctionDefLibrary& library) {
  tf::FunctionDef& function = *library.add_function();
  tf::OpDef& signature = *function.mutable_signature();
  signature.set_name("Dropout");
  tf::ArgDef& x = *signature.add_input_arg();
  x.set_name("x");
  x.set_type(tf::DT_HALF);
  tf::ArgDef& y = *signature.add_output_arg();
  y.set_name("y");
  y.set_type(tf::DT_FLOAT);
  tf::NodeDef& cast = *function.add_node_def();
  cast.set_name("widened");
  cast.set_op("Cast");
  cast.add_input("x");
  (*cast.mutable_attr())["SrcT"].set_type(tf::DT_HALF);
  (*cast.mutable_attr())["DstT"].set_type(tf::DT_FLOAT);
  (*function.mutable_ret())["y"] = "widened:y:0";
}

}  // namespace permafrost

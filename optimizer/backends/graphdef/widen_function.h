#pragma once

#include "permafrost/graph.pb.h"

namespace permafrost {

// The function that stands behind the op Dropout of our files: half to float32. TensorFlow finds it in the library and
// calls it; OpenCV's importer skips nodes called Dropout and reads the half constant before it by itself (a Cast it
// does not know). So one file serves both.
void AddWidenFunction(tf::FunctionDefLibrary& library);

}  // namespace permafrost

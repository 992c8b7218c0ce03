#pragma once

#include <string>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/decode_keypoints.h"

namespace permafrost {

struct Mark {
  double x, y;  // pixels of the picture
  std::string text;
};

// Writes a copy of the picture with a dot and a text at each mark and `lines` in its upper left corner. The suffix of
// `out_path` says the format (.png, .jpg, ...). Never half a file.
Status DrawOnPicture(const std::string& picture_path, const std::vector<Mark>& marks,
                     const std::vector<std::string>& lines, const std::string& out_path);

}  // namespace permafrost

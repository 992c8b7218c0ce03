#pragma once

#include <string>
#include <vector>

#include "optimizer/support/status.h"

namespace permafrost {

// Reports of ReportJson (or of scripts that write the same) as one: cases of one name become one case with the files of
// all; of two files of one name and setting the later report's stays. Speeds are taken anew, against the first timed
// file of each case. Everything else is the first report's.
// Errors: no such report; reports of unlike machines, whose times do not compare.
StatusOr<std::string> JoinReports(const std::vector<std::string>& reports);

}  // namespace permafrost

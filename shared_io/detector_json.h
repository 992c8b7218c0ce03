#pragma once

#include "shared_io/detector_info.h"
#include "shared_io/json_fields.h"

namespace permafrost {

Json DetectorToJson(const DetectorInfo& detector);
// Errors go to `status`: a missing or mistyped field (named), another version, an unknown kind, converter or box coder,
// anchors that do not come in fours.
DetectorInfo ReadDetector(const Json& json, Status& status);

}  // namespace permafrost

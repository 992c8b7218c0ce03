#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

namespace permafrost {

// Parses protobuf text form; unknown fields are skipped. False: `error` says where and why.
bool ParseText(std::string_view text, google::protobuf::Message& message, std::string& error);

}  // namespace permafrost

#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

namespace permafrost {

// Parses protobuf text form; unknown fields are skipped. False: `error` says where and why.
bool ParseText(std::string_view text, google::protobuf::Message& message, std::string& error);

// Parses protobuf's JSON form, as json_format writes it; unknown fields are skipped. False: `error` says why.
bool ParseJsonForm(std::string_view json, google::protobuf::Message& message, std::string& error);

// Parses the wire form, and prints nothing about bytes that are no UTF-8. False: damaged.
bool ParseWire(std::string_view bytes, google::protobuf::MessageLite& message);

}  // namespace permafrost

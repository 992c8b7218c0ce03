#include "optimizer/proto/text.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <cstdint>

namespace permafrost {

bool ParseText(std::string_view text, google::protobuf::Message& message, std::string& error) {
  class FirstError : public google::protobuf::io::ErrorCollector {
   public:
    void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& reason) override {
      if (text.empty()) {
        text = "line " + std::to_string(line + 1) + " column " + std::to_string(column + 1) + ": " + reason;
      }
    }
    void AddWarning(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
    std::string text;
  } first;
  const google::protobuf::LogSilencer no_printing;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first);
  parser.AllowUnknownField(true);
  parser.SetRecursionLimit(100);
  const bool parsed = parser.ParseFromString(std::string(text), &message);
  error = first.text;
  return parsed;
}

bool ParseJsonForm(std::string_view json, google::protobuf::Message& message, std::string& error) {
  const google::protobuf::LogSilencer no_printing;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(std::string(json), &message, options);
  if (!status.ok()) error = std::string(status.message());
  return status.ok();
}

bool ParseWire(std::string_view bytes, google::protobuf::MessageLite& message) {
  const google::protobuf::LogSilencer no_printing;
  return bytes.size() <= static_cast<size_t>(INT32_MAX) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace permafrost

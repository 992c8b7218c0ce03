#include <utility>

#include "runner/writers/writer.h"

namespace permafrost {
namespace {

using ResultLines = std::string (*)(std::string_view, const std::vector<OutputResult>&, const DecodeOptions&);
using ErrorLine = std::string (*)(std::string_view, std::string_view);

std::string NoLine(std::string_view, std::string_view) { return ""; }

class LineWriter : public Writer {
 public:
  LineWriter(Sink& sink, const DecodeOptions& options, std::string header, ResultLines lines, ErrorLine error)
      : sink_(sink), options_(options), header_(std::move(header)), lines_(lines), error_(error) {}

  Status Write(const FinishedItem& item) override {
    RETURN_IF_ERROR(WriteHeader());
    return sink_.Append(item.status.ok() ? lines_(item.name, item.results, options_)
                                         : error_(item.name, Message(item.status)));
  }
  Status Finish() override { return WriteHeader(); }

 private:
  Status WriteHeader() { return sink_.size() > 0 || header_.empty() ? OkStatus() : sink_.Append(header_); }

  Sink& sink_;
  const DecodeOptions& options_;
  const std::string header_;
  const ResultLines lines_;
  const ErrorLine error_;
};

}  // namespace

std::unique_ptr<Writer> MakeTextWriter(Sink& sink, const DecodeOptions& options) {
  return std::make_unique<LineWriter>(sink, options, "", ResultsText, NoLine);
}

std::unique_ptr<Writer> MakeJsonLinesWriter(Sink& sink, const DecodeOptions& options) {
  return std::make_unique<LineWriter>(sink, options, "", ResultsJson, ErrorJson);
}

std::unique_ptr<Writer> MakeCsvWriter(Sink& sink, const DecodeOptions& options) {
  return std::make_unique<LineWriter>(sink, options, CsvHeader(), ResultsCsv, ErrorCsv);
}

}  // namespace permafrost

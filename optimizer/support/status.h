#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The one door to absl's errors. Interfaces elsewhere speak std::string_view only: Debian builds absl with a
// string_view of its own.
//
// A message says: which file or node, what was found, what was expected, what to do next.
namespace permafrost {

using absl::Status;
using absl::StatusOr;

inline Status OkStatus() { return absl::OkStatus(); }

// Concatenates whatever an ostream can print.
template <class... Parts>
std::string StrCat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

// The file or graph is wrong, or the user asked for what it does not hold.
template <class... Parts>
Status InvalidArgument(const Parts&... parts) {
  return absl::InvalidArgumentError(StrCat(parts...));
}
// A name that does not exist.
template <class... Parts>
Status NotFound(const Parts&... parts) {
  return absl::NotFoundError(StrCat(parts...));
}
// Valid, but beyond what this build or target can do.
template <class... Parts>
Status Unsupported(const Parts&... parts) {
  return absl::UnimplementedError(StrCat(parts...));
}
// Bytes that are damaged.
template <class... Parts>
Status DataLoss(const Parts&... parts) {
  return absl::DataLossError(StrCat(parts...));
}
// A limit was reached.
template <class... Parts>
Status ResourceExhausted(const Parts&... parts) {
  return absl::ResourceExhaustedError(StrCat(parts...));
}
// The comparison or the proof failed.
template <class... Parts>
Status FailedCheck(const Parts&... parts) {
  return absl::FailedPreconditionError(StrCat(parts...));
}
// Our own bug: tools exit with 3.
template <class... Parts>
Status Internal(const Parts&... parts) {
  return absl::InternalError(StrCat(parts...));
}

inline std::string Message(const Status& status) { return std::string(status.message().data(), status.message().size()); }

// Puts "context: " before the message and keeps the code.
inline Status WithContext(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return Status(status.code(), StrCat(context, ": ", Message(status)));
}

// 0 done, 1 the model or the comparison failed, 2 usage, 3 our own bug.
inline int ExitCode(const Status& status) {
  if (status.ok()) return 0;
  return absl::IsInternal(status) ? 3 : 1;
}

}  // namespace permafrost

#define PERMAFROST_CONCAT_INNER(a, b) a##b
#define PERMAFROST_CONCAT(a, b) PERMAFROST_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (::absl::Status status_macro = (expression); !status_macro.ok()) { \
      return status_macro;                                                  \
    }                                                                       \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_IMPL(PERMAFROST_CONCAT(status_or_, __LINE__), target, expression)
#define ASSIGN_OR_RETURN_IMPL(temporary, target, expression) \
  auto temporary = (expression);                             \
  if (!temporary.ok()) return std::move(temporary).status(); \
  target = std::move(temporary).value()

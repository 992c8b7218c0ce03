#pragma once

#include <string>
#include <string_view>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Evaluates one op on constants, in text form: ExpectGives("Add(float32[2]{1,2}, 1.5)", {"float32[2]{2.5,3.5}"}).
// Expects these outputs, in order, and that shape inference says nothing the outputs contradict.
void ExpectGives(std::string_view call, const std::vector<std::string>& outputs, double tolerance = 0);

// Expects inference or, if that passes, evaluation to refuse the op, with a message that names it and holds `reason`.
void ExpectRefused(std::string_view call, std::string_view reason);

// Infers a graph in text form and expects its first output's type: "float32[?,4]", "float32?" for unknown rank,
// "int32[2]{?,4}" with what is known of the elements.
void ExpectInfers(std::string_view graph, std::string_view type);

// Expects inference of a graph in text form to fail with a message that holds `reason`.
void ExpectInferenceRefuses(std::string_view graph, std::string_view reason);

}  // namespace permafrost

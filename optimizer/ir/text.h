#pragma once

#include <string>
#include <string_view>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Graphs as text, for tests, --dump-passes and reading. Statements end with ';' or a newline; '#' starts a comment.
//
//   in x:float32[1,?,4]                      a Placeholder and graph input; "x:float32?" has unknown rank
//   w = float32[2,2]{1,2,3,4}                a Const; one value stands for all: float32[2,2]{0}
//   r = float32[3,3,2,4]~7                   a Const of pseudo-random values in [-1,1) from seed 7 (floating types)
//   y = Conv2D(x, w) {strides=[1,1,1,1], padding="SAME", data_format="NHWC"}
//   z = AddN(y, s:1, 1.5, ^gate)             port 1 of s, an inline float32 scalar Const, a control input
//   out y, answer=z:1                        graph outputs: node names, or a name of their own for a value
//   inputs b, a                              the graph inputs, where the order of the `in`s does not say them
//   func f { ... }                           a function: its `in`s are arguments, its `out`s results
//
// A name that holds more than letters, digits, "_./-" or is a keyword stands in double quotes; in these, \", \\ and
// \xNN.
//
// Attributes: 3 (int), 1.5 or 1.0 (float), true, "text", float32 (dtype), shape [1,?] as shape[1,?], lists in [ ],
// @f (function name), float32[2]{1,2} (tensor), opaque"..." (wire bytes).
//
// A Const with one user and up to 16 elements is printed inline at its use, without its name: names of constants are no
// contract. Longer constants are printed as dtype[dims]{first 4 values, ... #hash}, which ParseText refuses; where all
// elements have the same bits, one stands for all. Printing what was parsed gives the same text again (for graphs
// without long constants).
std::string PrintText(const Graph& graph);

// Errors name line and column, what was found and what was expected. Types are not inferred.
StatusOr<Graph> ParseText(std::string_view text);

}  // namespace permafrost

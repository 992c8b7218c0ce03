#pragma once

#include <string_view>

// What the fuzzers run on their bytes, and fuzz_corpus_test on the corpus. Bytes may be refused; what is accepted must be
// well-formed and must stay so through every pass. A broken promise aborts.
namespace permafrost {

void FuzzGraphDef(std::string_view bytes);
void FuzzGraphDefText(std::string_view text);
void FuzzGraphText(std::string_view text);  // the text form of ir/text.h

}  // namespace permafrost

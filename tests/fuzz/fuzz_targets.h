#pragma once

#include <string_view>

// What the fuzzers run on their bytes, and fuzz_corpus_test on the corpus. Bytes may be refused; what is accepted must be
// well-formed and must stay so through every pass. A broken promise aborts.
namespace permafrost {

void FuzzGraphDef(std::string_view bytes);
void FuzzGraphDefText(std::string_view text);
void FuzzGraphText(std::string_view text);  // the text form of ir/text.h

void FuzzOnnx(std::string_view bytes);

// The same for training graphs: frozen with made-up values of their variables.
void FuzzMetaGraph(std::string_view bytes);
void FuzzSavedModel(std::string_view bytes);
// A table whose checksums are put right first, so that what lies behind them is reached.
void FuzzTable(std::string_view bytes);
// Checkpoints of "<1 byte: length of the key><key><2 bytes: length of the value, little-endian><value>"..., from which
// the table is made; of a bundle, the bytes after a length of 255 are its shard, and its checksums are put right.
void FuzzBundle(std::string_view bytes);
void FuzzV1Checkpoint(std::string_view bytes);

// Keras: a .h5 or .keras, and the JSON of a model whose weights are all zero.
void FuzzKeras(std::string_view bytes);
void FuzzKerasConfig(std::string_view bytes);

}  // namespace permafrost

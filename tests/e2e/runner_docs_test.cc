// The commands of docs/runner.md give what stands there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

struct Example {
  std::string command;
  std::vector<std::string> output;  // "...": the rest of a line or of the output is left out
};

std::vector<Example> ReadExamples(const std::string& path) {
  std::vector<Example> examples;
  std::istringstream in(ReadBytes(path));
  bool open = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("```", 0) == 0) {
      open = false;
    } else if (line.rfind("$ ", 0) == 0) {
      examples.push_back({line.substr(2), {}});
      open = true;
    } else if (open) {
      examples.back().output.push_back(line);
    }
  }
  return examples;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

TEST(RunnerDocs, ShowWhatTheCommandsGive) {
  const std::vector<Example> examples = ReadExamples(SourceDir() + "/docs/runner.md");
  ASSERT_GE(examples.size(), 5U);
  const TemporaryFolder folder;
  for (const Example& example : examples) {
    SCOPED_TRACE(example.command);
    std::istringstream in(example.command);
    std::vector<std::string> words;
    for (std::string word; in >> word;) {
      word = Replaced(word, "models/", SourceDir() + "/models/");
      words.push_back(word == "digits.pb" ? folder.File(word) : word);
    }
    const Finished ended = RunProgram(words[0], {words.begin() + 1, words.end()});
    const std::string text = Replaced(Replaced(ended.out + ended.err, SourceDir() + "/", ""), folder.path() + "/", "");
    const std::vector<std::string> lines = Lines(text);
    for (size_t i = 0; i < example.output.size(); ++i) {
      const std::string& expected = example.output[i];
      if (expected == "...") break;
      ASSERT_LT(i, lines.size()) << text;
      const size_t dots = expected.rfind("...");
      if (dots != std::string::npos && dots + 3 == expected.size()) {
        EXPECT_EQ(lines[i].substr(0, dots), expected.substr(0, dots));
      } else {
        EXPECT_EQ(lines[i], expected);
      }
    }
  }
}

}  // namespace
}  // namespace permafrost

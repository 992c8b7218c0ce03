// What the programs say to files that are damaged, hostile or something else.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "permafrost/graph.pb.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

const char kPlaceholder[] = R"(
  node { name: "x" op: "Placeholder"
         attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "shape" value { shape { dim { size: 1 } dim { size: 4 } } } } })";

std::string Relu(const std::string& name, const std::string& input, const std::string& op = "Relu") {
  return "node { name: \"" + name + "\" op: \"" + op + "\" input: \"" + input +
         "\" attr { key: \"T\" value { type: DT_FLOAT } } }\n";
}

std::string Call(const std::string& name, const std::string& input, const std::string& function) {
  return "node { name: \"" + name + "\" op: \"PartitionedCall\" input: \"" + input +
         "\" attr { key: \"Tin\" value { list { type: DT_FLOAT } } } attr { key: \"Tout\" value { list { type: "
         "DT_FLOAT } } }"
         " attr { key: \"f\" value { func { name: \"" +
         function + "\" } } } }\n";
}

// 2^60 elements. `content`: what follows the shape.
std::string HugeConstant(const std::string& content) {
  return "node { name: \"huge\" op: \"Const\" attr { key: \"dtype\" value { type: DT_FLOAT } } attr { key: \"value\" "
         "value {"
         " tensor { dtype: DT_FLOAT tensor_shape { dim { size: 1073741824 } dim { size: 1073741824 } } " +
         content +
         " } } } }"
         "node { name: \"y\" op: \"AddV2\" input: \"x\" input: \"huge\" attr { key: \"T\" value { type: DT_FLOAT } } }";
}

std::string ToBinary(const std::string& text) {
  tf::GraphDef graph;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &graph)) << text;
  return graph.SerializeAsString();
}

class BadInput : public testing::Test {
 protected:
  BadInput() {
    WriteBytes(folder_.File("old.pb"), "the old model"), WriteBytes(folder_.File("old.json"), "the old facts");
  }

  // Exactly one error line that names `place` and says `what`; neither a new output nor a change to an old one.
  void ExpectOneClearError(const std::string& program, std::vector<std::string> arguments, const std::string& place,
                           const std::string& what) {
    const std::vector<std::string> before = folder_.Names();
    const Finished finished = RunProgram(program, arguments, 60);
    std::string command = program;
    for (const std::string& argument : arguments) command += " " + argument;
    SCOPED_TRACE(command);
    EXPECT_THAT(finished.exit_code, AnyOf(1, 2)) << finished.err;
    EXPECT_EQ(Lines(finished.err).size(), 1u) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr(place));
    EXPECT_THAT(finished.err, HasSubstr(what));
    EXPECT_EQ(folder_.Names(), before);
    EXPECT_EQ(ReadBytes(folder_.File("old.pb")), "the old model");
    EXPECT_EQ(ReadBytes(folder_.File("old.json")), "the old facts");
  }

  void ExpectRefusedFile(const std::string& bytes, const std::string& what, std::vector<std::string> options = {}) {
    const std::string model = folder_.File("bad-model.pb");
    WriteBytes(model, bytes);
    for (const char* output : {"new.pb", "old.pb"}) {
      std::vector<std::string> arguments = {model, "-o", folder_.File(output)};
      arguments.insert(arguments.end(), options.begin(), options.end());
      ExpectOneClearError("permafrost-optimize", arguments, "bad-model.pb", what);
    }
  }
  // As binary and as text.
  void ExpectRefusedGraph(const std::string& text, const std::string& what,
                          const std::vector<std::string>& options = {}) {
    ExpectRefusedFile(ToBinary(text), what, options);
    ExpectRefusedFile(text, what, options);
  }

  TemporaryFolder folder_;
};

TEST_F(BadInput, AcceptsTheGraphThatTheOthersAreMadeFrom) {
  for (const std::string& bytes : {ToBinary(kPlaceholder + Relu("y", "x")), kPlaceholder + Relu("y", "x")}) {
    WriteBytes(folder_.File("good.pb"), bytes);
    const Finished finished =
        RunProgram("permafrost-optimize", {folder_.File("good.pb"), "-o", folder_.File("out.pb")});
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_FALSE(ReadBytes(folder_.File("out.pb")).empty());
    EXPECT_FALSE(ReadBytes(folder_.File("out.json")).empty());
  }
}

TEST_F(BadInput, RefusesAFileCutAtEverySixteenth) {
  const std::string whole = ReadBytes(SourceDir() + "/models/classic_tf1/graph.pb");
  for (size_t part = 0; part < 16; ++part) {
    SCOPED_TRACE(part);
    ExpectRefusedFile(whole.substr(0, whole.size() * part / 16), "");
  }
}

TEST_F(BadInput, SaysThatAZipArchiveIsNoModel) {
  ExpectRefusedFile(std::string("PK\x03\x04\x14\0\0\0\x08\0", 10) + std::string(200, 'z'), "zip");
}

TEST_F(BadInput, SaysThatAnHtmlPageIsNoModel) {
  ExpectRefusedFile("<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body></body></html>\n", "HTML");
}

TEST_F(BadInput, SaysThatAPointerIsNoModel) {
  ExpectRefusedFile("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "LFS");
}

TEST_F(BadInput, RefusesNoise) {
  std::string noise;
  for (unsigned i = 0, state = 1; i < 5000; ++i)
    noise += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  ExpectRefusedFile(noise, "");
}

TEST_F(BadInput, NamesAnOpThatOpenCvCannotRun) {
  ExpectRefusedGraph(kPlaceholder + Relu("y", "x", "FancyCustomOp"), "FancyCustomOp");
}

TEST_F(BadInput, KeepsAnUnknownOpForOtherConsumers) {
  WriteBytes(folder_.File("model.pb"), ToBinary(kPlaceholder + Relu("y", "x", "FancyCustomOp")));
  const Finished finished = RunProgram(
      "permafrost-optimize", {folder_.File("model.pb"), "-o", folder_.File("out.pb"), "--target", "graphdef"});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(ReadBytes(folder_.File("out.pb")), HasSubstr("FancyCustomOp"));
}

TEST_F(BadInput, NamesAnOutputThatDoesNotExist) {
  ExpectRefusedGraph(kPlaceholder + Relu("y", "x"), "no_such_node", {"--outputs", "no_such_node"});
  ExpectRefusedGraph(kPlaceholder + Relu("y", "x"), "y:3", {"--outputs", "y:3"});
}

TEST_F(BadInput, NamesAnInputThatDoesNotExist) {
  ExpectRefusedGraph(kPlaceholder + Relu("y", "x"), "no_such_node", {"--inputs", "no_such_node"});
  ExpectRefusedGraph(kPlaceholder + Relu("y", "x"), "no_such_node", {"--set", "no_such_node=1"});
}

TEST_F(BadInput, NamesANodeOfACycle) {
  ExpectRefusedGraph(
      kPlaceholder +
          std::string("node { name: \"first\" op: \"AddV2\" input: \"x\" input: \"second\" attr { key: \"T\" "
                      "value { type: DT_FLOAT } } }") +
          Relu("second", "first"),
      "cycle", {"--outputs", "second"});
}

TEST_F(BadInput, NamesADuplicateName) {
  ExpectRefusedGraph(kPlaceholder + Relu("twin", "x") + Relu("twin", "x"), "twin");
}

TEST_F(BadInput, NamesAnInputThatNoNodeGives) { ExpectRefusedGraph(kPlaceholder + Relu("y", "nowhere"), "nowhere"); }

TEST_F(BadInput, RefusesATensorWhoseShapeSaysTwoToTheSixtyElements) {
  ExpectRefusedGraph(kPlaceholder + HugeConstant("float_val: 1"), "huge");
  ExpectRefusedGraph(kPlaceholder + HugeConstant("tensor_content: \"1234\""), "huge");
  ExpectRefusedGraph(kPlaceholder + HugeConstant(""), "huge");
}

TEST_F(BadInput, RefusesANegativeDimension) {
  std::string text = HugeConstant("float_val: 1");
  text.replace(text.find("1073741824"), 10, "-5");
  ExpectRefusedGraph(kPlaceholder + text, "huge");
}

TEST_F(BadInput, RefusesAFunctionThatCallsItself) {
  const std::string text =
      kPlaceholder + Call("y", "x", "endless") +
      "library { function { signature { name: \"endless\" input_arg { name: \"a\" type: DT_FLOAT } "
      "output_arg { name: \"b\" type: DT_FLOAT } } ret { key: \"b\" value: \"again:output:0\" } ";
  const std::string call = Call("again", "a", "endless");
  ExpectRefusedGraph(text + "node_def" + call.substr(4) + "} }", "endless", {"--outputs", "y"});
}

TEST_F(BadInput, NamesAModelThatCannotBeRead) {
  const std::string out = folder_.File("new.pb");
  ExpectOneClearError("permafrost-optimize", {folder_.File("missing.pb"), "-o", out}, "missing.pb", "");
  ExpectOneClearError("permafrost-optimize", {folder_.path(), "-o", out}, folder_.path(), "");
  if (geteuid() != 0) {
    WriteBytes(folder_.File("secret.pb"), ToBinary(kPlaceholder + Relu("y", "x")));
    ASSERT_EQ(chmod((folder_.File("secret.pb")).c_str(), 0), 0);
    ExpectOneClearError("permafrost-optimize", {folder_.File("secret.pb"), "-o", out}, "secret.pb", "");
  }
}

TEST_F(BadInput, NamesAnOutputThatCannotBeWritten) {
  WriteBytes(folder_.File("good.pb"), ToBinary(kPlaceholder + Relu("y", "x")));
  for (const std::string& output :
       {folder_.File("missing/out.pb"), folder_.path(), std::string("/proc/out.pb"), folder_.File("old.pb/out.pb")}) {
    ExpectOneClearError("permafrost-optimize", {folder_.File("good.pb"), "-o", output}, output, "");
  }
}

TEST_F(BadInput, SaysThatStandardOutputTakesNoModel) {
  WriteBytes(folder_.File("good.pb"), ToBinary(kPlaceholder + Relu("y", "x")));
  const Finished finished = RunProgram("permafrost-optimize", {folder_.File("good.pb"), "-o", "-"});
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_THAT(finished.err, HasSubstr("-o -: a model is not written to standard output"));
  EXPECT_FALSE(std::filesystem::exists("-"));
}

TEST_F(BadInput, InspectSaysTheSame) {
  const std::string model = folder_.File("bad-model.pb");
  const std::string whole = ReadBytes(SourceDir() + "/models/classic_tf1/graph.pb");
  for (const std::string& bytes : {std::string(), whole.substr(0, whole.size() / 2), std::string("<html>"),
                                   ToBinary(kPlaceholder + Relu("twin", "x") + Relu("twin", "x")),
                                   ToBinary(kPlaceholder + HugeConstant("float_val: 1"))}) {
    WriteBytes(model, bytes);
    ExpectOneClearError("permafrost-inspect", {model}, "bad-model.pb", "");
  }
  ExpectOneClearError("permafrost-inspect", {folder_.File("missing.pb")}, "missing.pb", "");
}

TEST_F(BadInput, WrongUsageEndsWithTwo) {
  EXPECT_EQ(RunProgram("permafrost-optimize", {}).exit_code, 2);
  EXPECT_EQ(RunProgram("permafrost-optimize", {"--no-such-flag"}).exit_code, 2);
  WriteBytes(folder_.File("good.pb"), ToBinary(kPlaceholder + Relu("y", "x")));
  const std::string good = folder_.File("good.pb"), out = folder_.File("new.pb");
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{{"--target", "no-such-target"},
                                                                                     {"--inputs", "x:1xx4"},
                                                                                     {"--passes", "no-such-pass"},
                                                                                     {"--skip", "no-such-pass"},
                                                                                     {"--set", "x"},
                                                                                     {"-o", folder_.File("new.tflite")},
                                                                                     {"-o", folder_.File("new.PBTXT")},
                                                                                     {"-o", folder_.File("new.onnx"), "--format", "detections"}}) {
    std::vector<std::string> arguments = {good, "-o", out};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(RunProgram("permafrost-optimize", arguments).exit_code, 2) << wrong[0] << " " << wrong[1];
    EXPECT_THAT(folder_.Names(), testing::ElementsAre("good.pb", "old.json", "old.pb"));
  }
}

TEST_F(BadInput, SaysWhatIsWrongWithAListOfPasses) {
  WriteBytes(folder_.File("good.pb"), ToBinary(kPlaceholder + Relu("y", "x")));
  const std::string good = folder_.File("good.pb"), out = folder_.File("new.pb");
  for (const char* flag : {"--passes", "--add"}) {
    for (const auto& [list, what] : std::vector<std::pair<std::string, std::string>>{
             {"no_such_pass", "there is no pass 'no_such_pass'"},
             {"quantize_nodes", "does not exist here"},
             {"quantize_weights(minimum_size=-1)", "minimum_size=-1: expected a whole number"},
             {"quantize_weights(minimum_size=99999999999)", "expected a whole number"},
             {"quantize_weights(minimum_size)", "expected '='"},
             {"quantize_weights(minimum_size=)", "has no value"},
             {"quantize_weights(minimum=4)", "no option 'minimum'"},
             {"round_weights(num_steps=0)", "num_steps=0: expected a whole number"},
             {"quantize_weights(", "closing bracket"},
             {"remove_nodes", "needs op="},
             {"fold_constants(ignore_errors=perhaps)", "true or false"}}) {
      ExpectOneClearError("permafrost-optimize", {good, "-o", out, flag, list}, flag, what);
      EXPECT_EQ(RunProgram("permafrost-optimize", {good, "-o", out, flag, list}).exit_code, 2) << list;
    }
  }
  ExpectOneClearError("permafrost-optimize", {good, "-o", out, "--passes", " "}, "--passes", "names no pass");
  EXPECT_EQ(RunProgram("permafrost-optimize", {good, "-o", out, "--add"}).exit_code, 2);
  ExpectOneClearError("permafrost-optimize",
                      {good, "-o", out, "--passes", "rename_node(old_node_name=nowhere, new_node_name=b)"}, "rename-node",
                      "no node 'nowhere'");
}

}  // namespace
}  // namespace permafrost

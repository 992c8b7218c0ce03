#include "optimizer/pipeline/source_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(FindModelCalls, FindsFunctionLineAndStrings) {
  const auto calls = FindModelCalls("main.cc",
                                    "// readNet(\"comment.pb\")\n"
                                    "auto net =\n"
                                    "    cv::dnn::readNetFromTensorflow (dir + \"/a.pb\",\n"
                                    "        \"b).pbtxt\");\n");
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].line, 3);
  EXPECT_EQ(calls[0].function, "readNetFromTensorflow");
  EXPECT_THAT(calls[0].literals, ElementsAre("/a.pb", "b).pbtxt"));
  EXPECT_TRUE(calls[0].text.ends_with("\"b).pbtxt\")")) << calls[0].text;
}

TEST(FindModelCalls, KnowsPython) {
  const auto calls = FindModelCalls("net.py", "# readNet('a.pb')\n\"\"\"readNet('b.pb')\"\"\"\nnet = cv2.dnn.readNet('c.pb')\n");
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].line, 3);
  EXPECT_THAT(calls[0].literals, ElementsAre("c.pb"));
}

TEST(FindModelCalls, SurvivesWhatNothingCloses) {
  EXPECT_EQ(FindModelCalls("a.cc", "readNet(\"a.pb").size(), 1U);
  EXPECT_EQ(FindModelCalls("a.cc", "readNet((((").size(), 1U);
  EXPECT_THAT(FindModelCalls("a.cc", "readNetwork(1); my_readNet(2); readNet;"), IsEmpty());
  EXPECT_THAT(FindModelCalls("a.py", "'''readNet("), IsEmpty());
}

TEST(NamesModel, ComparesFromTheEnd) {
  EXPECT_TRUE(NamesModel("models/net.pb", "models/net.pb"));
  EXPECT_TRUE(NamesModel("net.pb", "models/net.pb"));
  EXPECT_TRUE(NamesModel("../data/models/net.pb", "models/net.pb"));
  EXPECT_FALSE(NamesModel("other/net.pb", "models/net.pb"));
  EXPECT_FALSE(NamesModel("net.pbtxt", "models/net.pb"));
  EXPECT_FALSE(NamesModel("", "models/net.pb"));
}

TEST(AsOnnxCall, ChangesFunctionAndFileAndDropsTheDescription) {
  const auto changed = [](const std::string& source) {
    return AsOnnxCall(FindModelCalls("a.cc", source).at(0), "models/net.pb", "models/net.onnx");
  };
  EXPECT_EQ(changed("readNetFromTensorflow(\"models/net.pb\")"), "readNetFromONNX(\"models/net.onnx\")");
  EXPECT_EQ(changed("readNetFromTensorflow(dir + \"/net.pb\", dir + \"/net.pbtxt\")"), "readNetFromONNX(dir + \"/net.onnx\")");
  EXPECT_EQ(changed("readNet(\"net.pb\")"), "readNet(\"net.onnx\")");
}

}  // namespace
}  // namespace permafrost

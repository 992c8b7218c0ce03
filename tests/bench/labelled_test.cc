#include "bench/labelled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "tests/bench/case_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MATCHER_P2(Labelled, path, label, "") { return arg.path == path && arg.label == label; }

class LabelledTest : public CaseFolderTest {
 protected:
  std::string Error(const std::string& path, const std::vector<std::string>& classes) const {
    return Message(ListLabelled(path, classes).status());
  }
  // A picture of one pixel.
  std::string WritePixel(const std::string& path, int red, int green, int blue) const {
    const std::string whole = Write(path, "");
    EXPECT_TRUE(cv::imwrite(whole, cv::Mat(1, 1, CV_8UC3, cv::Scalar(blue, green, red))));
    return whole;
  }
};

TEST_F(LabelledTest, ReadsFoldersNamedByNumberNameOrPlace) {
  for (const char* path : {"n/10/a.png", "n/2/b.png", "w/dog/a.png", "w/cat/b.png", "w/cat/a.png"}) Write(path, "x");
  EXPECT_THAT(*ListLabelled(root_ + "/n", {}),
              ElementsAre(Labelled(root_ + "/n/10/a.png", 10), Labelled(root_ + "/n/2/b.png", 2)));
  EXPECT_THAT(*ListLabelled(root_ + "/w", {}),
              ElementsAre(Labelled(root_ + "/w/cat/a.png", 0), Labelled(root_ + "/w/cat/b.png", 0),
                          Labelled(root_ + "/w/dog/a.png", 1)));
  EXPECT_EQ((*ListLabelled(root_ + "/w", {"bird", "dog", "cat"}))[0].label, 2);
  EXPECT_THAT(Error(root_ + "/w", {"bird"}), HasSubstr("no class is called \"cat\""));
  EXPECT_THAT(Error(root_ + "/n/2", {}), HasSubstr("no labelled picture"));
}

TEST_F(LabelledTest, ReadsLists) {
  const std::string list = Write("l/list.txt", "a b.png 3\n\n/abs/c.png\t4\r\n");
  EXPECT_THAT(*ListLabelled(list, {}), ElementsAre(Labelled(root_ + "/l/a b.png", 3), Labelled("/abs/c.png", 4)));
  EXPECT_EQ((*ListLabelled(Write("l/names.txt", "a.png dog\n"), {"cat", "dog"}))[0].label, 1);
  EXPECT_THAT(Error(Write("l/bad.txt", "a.png 1\nb.png\n"), {}), HasSubstr("bad.txt:2: expected a picture"));
  EXPECT_THAT(Error(Write("l/word.txt", "a.png dog\n"), {}), HasSubstr("word.txt:1: the class \"dog\" is no number"));
  EXPECT_THAT(Error(root_ + "/none", {}), HasSubstr("cannot be read"));
}

// The network gives red, green and blue as three scores; the second file is the same with red and green exchanged.
TEST_F(LabelledTest, CountsRightAnswersAndAgreement) {
  TinyGraph graph;
  graph.Placeholder("x", {1, 1, 1, 3});
  graph.Const("k", {1, 1, 3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  graph.Convolve("y", "x", "k");
  TinyGraph exchanged;
  exchanged.Placeholder("x", {1, 1, 1, 3});
  exchanged.Const("k", {1, 1, 3, 3}, {0, 1, 0, 1, 0, 0, 0, 0, 1});
  exchanged.Convolve("y", "x", "k");
  ModelCase model;
  model.name = "colours";
  model.input_names = {"x"};
  model.output_names = {"y"};
  model.inputs = {FloatArray({1, 1, 1, 3}, {1, 2, 3})};
  model.outputs = {FloatArray({1, 1, 1, 3}, {1, 2, 3})};
  SessionOptions session;
  session.input_names = {"x"};
  session.output_names = {"y"};
  const std::vector<LabelledPicture> pictures = {{WritePixel("p/red.png", 200, 9, 1), 0},
                                                 {WritePixel("p/green.png", 0, 200, 1), 1},
                                                 {WritePixel("p/blue.png", 0, 9, 200), 2},
                                                 {WritePixel("p/wrong.png", 0, 9, 200), 7},
                                                 {Write("p/broken.png", "x"), 0}};
  const auto report =
      ClassifyLabelled(model, {{"plain", graph.Save(root_ + "/a.pb"), session}, {"exchanged", exchanged.Save(root_ + "/b.pb"), session}},
                       pictures, {}, [](std::string_view) {});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->files.size(), 2u);
  EXPECT_EQ(report->files[0].top1.hits, 3);
  EXPECT_EQ(report->files[0].top5.hits, 3);
  EXPECT_EQ(report->files[0].failed, 1);
  EXPECT_THAT(report->files[0].first_failure, HasSubstr("broken.png"));
  EXPECT_FALSE(report->files[0].agreement.has_value());
  EXPECT_EQ(report->files[1].top1.hits, 1);
  EXPECT_EQ(report->files[1].top5.hits, 3);
  EXPECT_DOUBLE_EQ(*report->files[1].agreement, 0.4);
  const std::string text = LabelledText("colours", *report);
  EXPECT_THAT(text, HasSubstr("60.0 % (23.1 % to 88.2 %)"));
  EXPECT_THAT(text, HasSubstr("40.0 %"));

  PictureOptions bgr;
  bgr.values.channel_order = "BGR";
  EXPECT_EQ(ClassifyLabelled(model, {{"plain", root_ + "/a.pb", session}}, pictures, bgr, [](std::string_view) {})
                ->files[0]
                .top1.hits,
            1)
      << "only green stays where it is";
  model.inputs.push_back(model.inputs[0]);
  EXPECT_FALSE(ClassifyLabelled(model, {}, pictures, {}, [](std::string_view) {}).ok());
}

}  // namespace
}  // namespace permafrost

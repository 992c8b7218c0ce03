#include "runner/writers/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <opencv2/core.hpp>
#include <sstream>

#include "runner/inputs/video.h"
#include "shared_io/npy.h"
#include "shared_io/npz.h"
#include "tests/runner/video_making.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FinishedItem Item(const std::string& name, std::vector<OutputResult> results = {}) {
  FinishedItem item{"in/" + name + ".png", name, OkStatus()};
  item.results = std::move(results);
  return item;
}
FinishedItem Failed(const std::string& name) { return {"in/" + name + ".png", name, DataLoss("no, \"really\"")}; }
OutputResult ClassResult() {
  OutputResult result;
  result.name = "a/b";
  result.array = FloatArray({1, 2}, {0.25F, 0.75F});
  result.decoder = Decoder::kClasses;
  result.classes = {{{1, 0.75F}, {0, 0.25F}}};
  return result;
}

TEST(LineWriters, WriteOneFormatEach) {
  DecodeOptions options;
  options.labels = {"cat, wild", "dog"};
  std::ostringstream text, json, csv;
  const auto text_sink = StreamSink(text), json_sink = StreamSink(json), csv_sink = StreamSink(csv);
  const auto text_writer = MakeTextWriter(*text_sink, options), json_writer = MakeJsonLinesWriter(*json_sink, options),
             csv_writer = MakeCsvWriter(*csv_sink, options);
  for (Writer* writer : {text_writer.get(), json_writer.get(), csv_writer.get()}) {
    ASSERT_TRUE(writer->Write(Item("x", {ClassResult()})).ok());
    ASSERT_TRUE(writer->Write(Failed("y")).ok());
    ASSERT_TRUE(writer->Finish().ok());
  }
  EXPECT_EQ(text.str(), "in/x.png\n  a/b [1,2]\n      0.75000  dog\n      0.25000  cat, wild\n");
  EXPECT_EQ(
      json.str(),
      "{\"input\":\"in/x.png\",\"outputs\":[{\"name\":\"a/b\",\"shape\":[1,2],\"classes\":[[{\"index\":1,\"score\":"
      "0.75,\"label\":\"dog\"},{\"index\":0,\"score\":0.25,\"label\":\"cat, wild\"}]]}]}\n"
      "{\"input\":\"in/y.png\",\"error\":\"no, \\\"really\\\"\"}\n");
  EXPECT_EQ(csv.str(),
            "input,output,kind,index,label,score,x,y,width,height,error\n"
            "in/x.png,a/b,class,1,dog,0.75,,,,,\n"
            "in/x.png,a/b,class,0,\"cat, wild\",0.25,,,,,\n"
            "in/y.png,,error,,,,,,,,\"no, \"\"really\"\"\"\n");
}

TEST(LineWriters, GiveEveryLineOfATableAllColumns) {
  OutputResult boxes, segments, points, raw;
  boxes.decoder = Decoder::kBoxes;
  boxes.has_boxes = true;
  boxes.boxes = {{3, 0.5F, 1, 2, 4, 8}};
  segments.decoder = Decoder::kSegments;
  segments.segments = {{2, 10, 1.0}};
  points.decoder = Decoder::kKeypoints;
  points.keypoints = {{0, 1.5, 2.5, 0.5F}};
  raw.array = FloatArray({1, 1, 2}, {7, 8});
  const std::string table = ResultsCsv("i", {boxes, segments, points, raw}, {});
  EXPECT_EQ(table,
            "i,,box,3,,0.5,1,2,3,6,\ni,,segment,2,,1,,,,,\ni,,keypoint,0,,0.5,1.5,2.5,,,\n"
            "i,,value,0,,7,,,,,\ni,,value,1,,8,,,,,\n");
  std::istringstream lines(CsvHeader() + table + ErrorCsv("i", "e"));
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(std::count(line.begin(), line.end(), ','), 10) << line;
}

TEST(ArrayWriters, MakeTheirFolderAndWriteEachOutput) {
  const TemporaryFolder folder;
  const auto npy = MakeNpyWriter(folder.File("a/b")), npz = MakeNpzWriter(folder.File("z"));
  ASSERT_TRUE(npy.ok() && npz.ok());
  for (Writer* writer : {npy->get(), npz->get()}) {
    ASSERT_TRUE(writer->Write(Item("x", {ClassResult()})).ok());
    ASSERT_TRUE(writer->Write(Failed("y")).ok());
  }
  EXPECT_THAT(*ToFloats(*ReadNpy(folder.File("a/b/x.a_b.npy"))), ElementsAre(0.25, 0.75));
  const auto arrays = ReadNpz(folder.File("z/x.npz"));
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  EXPECT_EQ((*arrays)[0].first, "a/b");
  EXPECT_THAT(folder.Names(), ElementsAre("a", "z"));
  folder.Write("file", "in the way");
  EXPECT_THAT(Message(MakeNpyWriter(folder.File("file")).status()), HasSubstr("folder cannot be made"));
  EXPECT_FALSE(MakeNpzWriter(folder.File("file/below")).ok());
}

TEST(PictureWriters, WriteOnePictureOrAFolder) {
  const TemporaryFolder folder;
  const DecodeOptions options;
  FinishedItem item = Item("x", {ClassResult()});
  item.pixels = cv::Mat::zeros(40, 60, CV_8UC3);
  const auto one = MakePictureWriter(folder.File("one.jpg"), false, options);
  const auto many = MakePictureWriter(folder.File("many"), true, options);
  ASSERT_TRUE(one.ok() && many.ok());
  for (Writer* writer : {one->get(), many->get()}) {
    ASSERT_TRUE(writer->Write(item).ok());
    ASSERT_TRUE(writer->Write(Failed("y")).ok());
    EXPECT_THAT(Message(writer->Write(Item("z"))), HasSubstr("no picture to draw on"));
  }
  for (const char* path : {"one.jpg", "many/x.png"}) {
    const auto pixels = ReadPixels(folder.File(path));
    ASSERT_TRUE(pixels.ok()) << pixels.status();
    EXPECT_EQ(pixels->cols, 60);
    EXPECT_GT(cv::norm(*pixels), 100) << "the classes are written on it";
  }
  EXPECT_THAT(Message(MakePictureWriter(folder.File("two.png"), true, options).status()), HasSubstr("give a folder"));
  EXPECT_FALSE(MakePictureWriter("/proc/none", true, options).ok());
}

TEST(PictureWriters, WriteAVideo) {
  if (const TemporaryFolder probe; !MakeVideo(probe.File("clip.avi"), 1)) GTEST_SKIP() << kNoVideo;
  const TemporaryFolder folder;
  const DecodeOptions options;
  const std::string path = folder.File("out.avi");
  const auto writer = MakeVideoWriter(path, 0, options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (int i = 0; i < 3; ++i) {
    FinishedItem item = Item("x");
    item.pixels = cv::Mat(20, 30, CV_8UC3, cv::Scalar::all(50 * i));
    item.fps = 12;
    ASSERT_TRUE((*writer)->Write(item).ok());
  }
  ASSERT_TRUE((*writer)->Finish().ok());
  auto back = Video::Open(path);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_NEAR(back->fps(), 12, 0.01);
  EXPECT_FALSE(MakeVideoWriter(folder.File("out.webp"), 0, options).ok());
}

}  // namespace
}  // namespace permafrost

#include "runner/inputs/video.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/runner/video_making.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(Video, GivesItsFramesInOrder) {
  const TemporaryFolder folder;
  const std::string path = folder.File("clip.avi");
  if (!MakeVideo(path, 6)) GTEST_SKIP() << kNoVideo;
  auto video = Video::Open(path);
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->fps(), 10);
  ASSERT_TRUE(*video->Skip());
  for (int i = 1; i < 6; ++i) {
    const auto frame = video->Next();
    ASSERT_TRUE(frame.ok() && *frame) << i;
    EXPECT_EQ((*frame)->cols, 16);
    EXPECT_NEAR((*frame)->at<cv::Vec3b>(4, 8)[0], 10 * i, 3);
  }
  const auto end = video->Next();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_FALSE(*end);
}

TEST(Video, ReportsFilesThatAreDamaged) {
  const TemporaryFolder folder;
  if (!MakeVideo(folder.File("clip.avi"), 40, 64, 64)) GTEST_SKIP() << kNoVideo;
  const std::string bytes = folder.Read("clip.avi");
  auto cut = Video::Open(folder.Write("cut.avi", bytes.substr(0, bytes.size() * 6 / 10)));
  ASSERT_TRUE(cut.ok()) << cut.status();
  int frames = 0;
  StatusOr<bool> more = true;
  for (; more.ok() && *more; more = cut->Skip()) ++frames;
  EXPECT_THAT(Message(more.status()), HasSubstr("cut.avi: the video ends after"));
  EXPECT_LT(frames, 40);
  EXPECT_THAT(Message(Video::Open(folder.Write("text.avi", "no video")).status()), HasSubstr("text.avi"));
  EXPECT_THAT(Message(Video::Open(folder.Write("empty.avi", "")).status()), HasSubstr("empty.avi"));
  EXPECT_THAT(Message(Video::Open(folder.File("none.avi")).status()), HasSubstr("none.avi"));
}

TEST(Video, RefusesCamerasThatAreNotThere) {
  const TemporaryFolder folder;
  if (!MakeVideo(folder.File("clip.avi"), 1)) GTEST_SKIP() << kNoVideo;
  EXPECT_THAT(Message(Video::Open("camera:x").status()), HasSubstr("camera:NUMBER"));
  EXPECT_THAT(Message(Video::Open("camera:200").status()), HasSubstr("camera"));
}

TEST(VideoFile, AppearsWhenItIsFinished) {
  if (const TemporaryFolder probe; !MakeVideo(probe.File("clip.avi"), 1)) GTEST_SKIP() << kNoVideo;
  const TemporaryFolder folder;
  for (const char* name : {"out.avi", "out.mp4"}) {
    const std::string path = folder.File(name);
    auto file = VideoFile::Create(path, 5);
    ASSERT_TRUE(file.ok()) << file.status();
    for (int i = 0; i < 4; ++i) {
      const Status status = file->Write(cv::Mat(20, 30 + i, CV_8UC3, cv::Scalar::all(40 * i)));
      ASSERT_TRUE(status.ok()) << status;
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(file->Finish().ok());
    auto back = Video::Open(path);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_NEAR(back->fps(), 5, 0.01);
    for (int i = 0; i < 4; ++i) {
      const auto frame = back->Next();
      ASSERT_TRUE(frame.ok() && *frame);
      EXPECT_EQ((*frame)->cols, 30);
      EXPECT_NEAR((*frame)->at<cv::Vec3b>(10, 15)[1], 40 * i, 6);
    }
  }
  EXPECT_EQ(folder.Names().size(), 2U);
}

TEST(VideoFile, LeavesNothingWhenItIsNot) {
  if (const TemporaryFolder probe; !MakeVideo(probe.File("clip.avi"), 1)) GTEST_SKIP() << kNoVideo;
  const TemporaryFolder folder;
  {
    auto file = VideoFile::Create(folder.File("out.avi"), 5);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(file->Write(cv::Mat::zeros(20, 30, CV_8UC3)).ok());
  }
  EXPECT_TRUE(folder.Names().empty());
  EXPECT_FALSE(VideoFile::Create(folder.File("out.gif"), 5).ok());
  auto nowhere = VideoFile::Create(folder.File("none/out.avi"), 5);
  ASSERT_TRUE(nowhere.ok());
  EXPECT_THAT(Message(nowhere->Write(cv::Mat::zeros(20, 30, CV_8UC3))), HasSubstr("none/out.avi"));
}

}  // namespace
}  // namespace permafrost

#include "bench/detections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

const Box kCat = {17, 0.9F, 0.1, 0.1, 0.5, 0.5};
const Box kDog = {18, 0.6F, 0.4, 0.3, 0.9, 0.8};

Box Moved(Box box, double by) {
  box.x1 += by;
  box.x2 += by;
  return box;
}

TEST(Detections, MatchWhateverTheirOrder) {
  const DetectionComparison same = CompareDetections({kDog, kCat}, {kCat, kDog}, {});
  EXPECT_EQ(same.verdict, Verdict::kPassed) << same.reason;
  EXPECT_EQ(same.matched, 2);
  EXPECT_EQ(same.worst_iou, 1);
  EXPECT_EQ(same.Needed(), 0);
}

TEST(Detections, FailWhenABoxMovesOrItsScoreChanges) {
  const DetectionComparison moved = CompareDetections({Moved(kCat, 0.004)}, {kCat}, {});
  EXPECT_EQ(moved.verdict, Verdict::kFailed);
  EXPECT_THAT(moved.reason, HasSubstr("1 of 1 found, 0 extra"));
  EXPECT_NEAR(moved.worst_iou, 0.396 / 0.404, 1e-9);
  Box unsure = kCat;
  unsure.score -= 0.002F;
  const DetectionComparison changed = CompareDetections({unsure}, {kCat}, {});
  EXPECT_EQ(changed.verdict, Verdict::kFailed);
  EXPECT_NEAR(changed.worst_score, 0.002, 1e-6);
  EXPECT_NEAR(changed.Needed(), 0.002, 1e-6);
  DetectionLimits loose;
  loose.score = 0.01;
  EXPECT_EQ(CompareDetections({unsure}, {kCat}, loose).verdict, Verdict::kPassed);
}

// What is found beyond the picture is cut to a line at its edge, and some graphs leave it.
TEST(Detections, AreNoneWithoutAnArea) {
  const Box line = {3, 0.8F, 0.2, 0, 0.6, 0}, thin = {3, 0.8F, 1 - 1e-8, 0.2, 1, 0.6};
  const DetectionComparison same = CompareDetections({line, kCat}, {kCat, thin}, {});
  EXPECT_EQ(same.verdict, Verdict::kPassed) << same.reason;
  EXPECT_EQ(same.matched, 1);
  EXPECT_EQ(CompareDetections({line}, {line}, {}).verdict, Verdict::kMistrusted);
}

// Two rows of DetectionOutput with masks [2,2,2,2] of two classes, beside the Object Detection API's own.
TEST(Detections, FailWhenAMaskDiffers) {
  DetectorInfo detector;
  detector.kind = DetectorInfo::kDetectionOutput;
  detector.class_offset = 1;
  const std::vector<float> rows = {0, 1, 0.9F, 0.1F, 0.2F, 0.6F, 0.7F, 0, 0, 0.8F, 0.3F, 0.1F, 0.9F, 0.4F};
  const std::vector<float> masks = {0, 1, 0, 0, 0, 1, 0, 0.6F, 1, 0, 1, 0, 0.2F, 0, 0.4F, 0};
  const std::vector<NamedArray> actual = {{"detection_out_final", FloatArray({1, 1, 2, 7}, rows)},
                                          {"detection_masks", FloatArray({2, 2, 2, 2}, masks)}};
  std::vector<NamedArray> reference = {{"detection_boxes", FloatArray({1, 2, 4}, {0.2F, 0.1F, 0.7F, 0.6F, 0.1F, 0.3F, 0.4F, 0.9F})},
                                       {"detection_scores", FloatArray({1, 2}, {0.9F, 0.8F})},
                                       {"detection_classes", FloatArray({1, 2}, {2, 1})},
                                       {"detection_masks", FloatArray({1, 2, 2, 2}, {1, 0, 1, 0.7F, 1, 1, 0, 0})}};
  const DetectionComparison same = CompareDetections(actual, reference, &detector, {});
  EXPECT_EQ(same.verdict, Verdict::kPassed) << same.reason;
  EXPECT_EQ(same.worst_mask, 1);
  reference[3].array = FloatArray({1, 2, 2, 2}, {1, 0, 1, 0.7F, 1, 0, 0, 0});
  const DetectionComparison other = CompareDetections(actual, reference, &detector, {});
  EXPECT_EQ(other.verdict, Verdict::kFailed);
  EXPECT_EQ(other.worst_mask, 0.5);
  EXPECT_THAT(other.reason, HasSubstr("worst overlap of masks 0.5"));
}

TEST(Detections, CountWhatIsMissedAndWhatIsExtra) {
  const DetectionComparison missed = CompareDetections({kCat}, {kCat, kDog}, {});
  EXPECT_EQ(missed.verdict, Verdict::kFailed);
  EXPECT_EQ(missed.missed, 1);
  EXPECT_EQ(missed.extra, 0);
  EXPECT_TRUE(std::isinf(missed.Needed()));
  const DetectionComparison extra = CompareDetections({kCat, kDog}, {kCat}, {});
  EXPECT_EQ(extra.verdict, Verdict::kFailed);
  EXPECT_EQ(extra.extra, 1);
  Box other_class = kDog;
  other_class.index = 1;
  const DetectionComparison renamed = CompareDetections({other_class}, {kDog}, {});
  EXPECT_EQ(renamed.missed, 1);
  EXPECT_EQ(renamed.extra, 1);
}

// The better of two boxes on one thing would take the other one's partner if any overlap were as good.
TEST(Detections, MatchOneToOneByTheBestOverlap) {
  const Box left = {1, 0.9F, 0.10, 0.1, 0.50, 0.5}, right = {1, 0.8F, 0.15, 0.1, 0.55, 0.5};
  const DetectionComparison crowd = CompareDetections({right, left}, {left, right}, {});
  EXPECT_EQ(crowd.verdict, Verdict::kPassed) << crowd.reason;
  EXPECT_EQ(crowd.matched, 2);
  const DetectionComparison twice = CompareDetections({left, left}, {left}, {});
  EXPECT_EQ(twice.extra, 1) << "one box must not be the partner of two";
}

TEST(Detections, DoNotFailForWhatIsJustAboveTheLeastScoreOnOneSide) {
  Box above = kCat, below = kCat;
  above.score = 0.3004F;
  below.score = 0.2996F;
  EXPECT_EQ(CompareDetections({below}, {above}, {}).verdict, Verdict::kPassed);
  EXPECT_EQ(CompareDetections({above}, {below}, {}).verdict, Verdict::kPassed);
}

TEST(Detections, AreMistrustedWhenThereIsNothingToFind) {
  Box weak = kCat;
  weak.score = 0.2F;
  const DetectionComparison nothing = CompareDetections({weak}, {weak}, {});
  EXPECT_EQ(nothing.verdict, Verdict::kMistrusted);
  EXPECT_THAT(nothing.reason, HasSubstr("nothing above"));
}

TEST(Detections, OfDetectionOutputEqualTheFourTensorsOfTheObjectDetectionApi) {
  const std::vector<NamedArray> api = {{"detection_boxes", FloatArray({1, 2, 4}, {0.1F, 0.2F, 0.5F, 0.6F, 0, 0.5F, 1, 1})},
                                       {"detection_scores", FloatArray({1, 2}, {0.9F, 0.4F})},
                                       {"detection_classes", FloatArray({1, 2}, {3, 1})},
                                       {"num_detections", FloatArray({1}, {2})}};
  const std::vector<NamedArray> rows = {
      {"detection_out", FloatArray({1, 1, 3, 7}, {0, 2, 0.9F, 0.2F, 0.1F, 0.6F, 0.5F,         //
                                                  0, 0, 0.4F, 0.5F, -0.25F, 1.125F, 1,  // beyond the picture
                                                  0, 0, 0, 0, 0, 0, 0})}};
  DetectionLimits limits;
  limits.class_shift = 1;
  const DetectionComparison same = CompareDetections(rows, api, nullptr, limits);
  EXPECT_EQ(same.verdict, Verdict::kPassed) << same.reason;
  EXPECT_EQ(same.matched, 2);
  limits.class_shift = 0;
  EXPECT_EQ(CompareDetections(rows, api, nullptr, limits).missed, 2);
}

TEST(Detections, RefuseToCompareThousandsOfBoxes) {
  const DetectionComparison many = CompareDetections(std::vector<Box>(2001, kCat), {kCat}, {});
  EXPECT_EQ(many.verdict, Verdict::kFailed);
  EXPECT_THAT(many.reason, HasSubstr("at most 2000"));
}

}  // namespace
}  // namespace permafrost

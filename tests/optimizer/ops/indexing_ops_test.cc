#include <gtest/gtest.h>

#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

// Slices of 0..7 as a vector, and of 1..6 as a matrix.
std::string SliceOf(std::string_view value, std::string_view spec, std::string_view masks) {
  const std::string attrs = masks.empty() ? "" : StrCat(" {", masks, "}");
  return StrCat("StridedSlice(", value, ", ", spec, ")", attrs);
}
std::string Vector(std::string_view spec, std::string_view masks = "") {
  return SliceOf("int32[8]{0,1,2,3,4,5,6,7}", spec, masks);
}
std::string Matrix(std::string_view spec, std::string_view masks = "") {
  return SliceOf("float32[2,3]{1,2,3,4,5,6}", spec, masks);
}

TEST(StridedSlice, CountsFromBothEndsAndBothWays) {
  ExpectGives(Vector("int32[1]{1}, int32[1]{6}, int32[1]{2}"), {"int32[3]{1,3,5}"});
  ExpectGives(Vector("int32[1]{-3}, int32[1]{-1}, int32[1]{1}"), {"int32[2]{5,6}"});
  ExpectGives(Vector("int32[1]{6}, int32[1]{1}, int32[1]{-2}"), {"int32[3]{6,4,2}"});
  ExpectGives(Vector("int32[1]{5}, int32[1]{2}, int32[1]{1}"), {"int32[0]{}"});
  ExpectGives(Vector("int32[1]{-100}, int32[1]{100}, int32[1]{4}"), {"int32[2]{0,4}"});
  ExpectGives(Vector("int32[1]{100}, int32[1]{-100}, int32[1]{-4}"), {"int32[2]{7,3}"});
}

TEST(StridedSlice, TakesOpenEndsFromTheMasks) {
  ExpectGives(Vector("int32[1]{3}, int32[1]{5}, int32[1]{1}", "begin_mask=1"), {"int32[5]{0,1,2,3,4}"});
  ExpectGives(Vector("int32[1]{3}, int32[1]{5}, int32[1]{1}", "end_mask=1"), {"int32[5]{3,4,5,6,7}"});
  ExpectGives(Vector("int32[1]{0}, int32[1]{0}, int32[1]{-1}", "begin_mask=1, end_mask=1"),
              {"int32[8]{7,6,5,4,3,2,1,0}"});
}

TEST(StridedSlice, DropsAddsAndSkipsAxes) {
  ExpectGives(Vector("int32[1]{-1}, int32[1]{0}, int32[1]{1}", "shrink_axis_mask=1"), {"int32[]{7}"});
  ExpectGives(Matrix("int32[1]{1}, int32[1]{2}, int32[1]{1}", "shrink_axis_mask=1"), {"float32[3]{4,5,6}"});
  ExpectGives(Matrix("int32[2]{0,1}, int32[2]{2,3}, int32[2]{1,1}"), {"float32[2,2]{2,3,5,6}"});
  ExpectGives(Matrix("int32[2]{0,2}, int32[2]{0,3}, int32[2]{1,1}", "ellipsis_mask=1, shrink_axis_mask=2"),
              {"float32[2]{3,6}"});
  ExpectGives(Matrix("int32[2]{0,0}, int32[2]{0,1}, int32[2]{1,1}", "new_axis_mask=1"), {"float32[1,1,3]{1,2,3}"});
  ExpectGives(Matrix("int32[2]{0,0}, int32[2]{0,0}, int32[2]{1,1}", "ellipsis_mask=1, new_axis_mask=2"),
              {"float32[2,3,1]{1,2,3,4,5,6}"});
  ExpectGives(Matrix("int32[3]{0,0,1}, int32[3]{2,0,3}, int32[3]{1,1,1}", "ellipsis_mask=2"),
              {"float32[2,2]{2,3,5,6}"});
  ExpectGives("StridedSlice(float32[]{3}, int32[1]{0}, int32[1]{0}, int32[1]{1}) {new_axis_mask=1}", {"float32[1]{3}"});
}

TEST(StridedSlice, RefusesWhatDoesNotFitItsInput) {
  ExpectRefused(Vector("int32[1]{0}, int32[1]{1}, int32[1]{0}"), "stride");
  ExpectRefused(Vector("int32[1]{8}, int32[1]{9}, int32[1]{1}", "shrink_axis_mask=1"), "outside axis 0");
  ExpectRefused(Vector("int32[1]{-9}, int32[1]{9}, int32[1]{1}", "shrink_axis_mask=1"), "outside axis 0");
  ExpectRefused(Vector("int32[2]{0,0}, int32[2]{1,1}, int32[2]{1,1}"), "2 axes");
  ExpectRefused(Vector("int32[2]{0,0}, int32[1]{1}, int32[1]{1}"), "same number");
  ExpectRefused(Matrix("int32[2]{0,0}, int32[2]{1,1}, int32[2]{1,1}", "ellipsis_mask=3"), "ellipses");
  ExpectRefused(Vector("int32[1]{0}, int32[1]{1}, int32[1]{-1}", "shrink_axis_mask=1"), "stride -1");
}

TEST(StridedSlice, InfersWhatTheUnknownsAllow) {
  ExpectInfers(
      "in x:float32[?,4]; y = StridedSlice(x, int32[2]{0,1}, int32[2]{0,3}, int32[2]{1,1})"
      " {begin_mask=1, end_mask=1}; out y",
      "float32[?,2]");
  ExpectInfers("in x:float32[?,4]; y = StridedSlice(x, int32[1]{0}, int32[1]{2}, int32[1]{1}); out y", "float32[?,4]");
  ExpectInfers(
      "in x:float32[?,4]; in b:int32[1]; y = StridedSlice(x, b, int32[1]{2}, int32[1]{1})"
      " {shrink_axis_mask=1}; out y",
      "float32[4]");
  ExpectInfers("in x:float32?; y = StridedSlice(x, int32[1]{0}, int32[1]{2}, int32[1]{1}); out y", "float32?");
  ExpectInfers(
      "in x:float32[?,4,5]; s = Shape(x); y = StridedSlice(s, int32[1]{2}, int32[1]{0}, int32[1]{-1})"
      " {end_mask=1}; out y",
      "int32[3]{5,4,?}");
}

TEST(IndexingOps, Slices) {
  ExpectGives("Slice(float32[2,3]{1,2,3,4,5,6}, int32[2]{0,1}, int32[2]{2,-1})", {"float32[2,2]{2,3,5,6}"});
  ExpectGives("Slice(int32[4]{1,2,3,4}, int32[1]{1}, int32[1]{2})", {"int32[2]{2,3}"});
  ExpectGives("Slice(int32[4]{1,2,3,4}, int32[1]{4}, int32[1]{0})", {"int32[0]{}"});
  ExpectRefused("Slice(int32[4]{1}, int32[1]{1}, int32[1]{4})", "takes 4");
  ExpectRefused("Slice(int32[4]{1}, int32[1]{-1}, int32[1]{1})", "begins at -1");
  ExpectRefused("Slice(int32[4]{1}, int32[1]{0}, int32[1]{-2})", "takes -2");
  ExpectRefused("Slice(int32[4]{1}, int32[2]{0,0}, int32[2]{1,1})", "2 begins");
  ExpectInfers("in x:float32[?,4]; y = Slice(x, int32[2]{0,1}, int32[2]{-1,2}); out y", "float32[?,2]");
  ExpectInfers("in x:float32[?,4]; in b:int32[2]; y = Slice(x, b, int32[2]{1,2}); out y", "float32[1,2]");
}

TEST(IndexingOps, RefusesABeginThatLooksLikeAnUnknown) {
  const std::string lowest = "int64[1]{-9223372036854775808}";
  const std::string call = "Slice(int32[4]{1,2,3,4}, " + lowest + ", int64[1]{1})";
  ExpectRefused(call, "");
}

TEST(IndexingOps, Splits) {
  ExpectGives("Split(int32[]{1}, float32[2,4]{1,2,3,4,5,6,7,8}) {num_split=2}",
              {"float32[2,2]{1,2,5,6}", "float32[2,2]{3,4,7,8}"});
  ExpectGives("SplitV(int32[3]{1,2,3}, int32[2]{1,-1}, int32[]{0}) {num_split=2}", {"int32[1]{1}", "int32[2]{2,3}"});
  ExpectGives("Unpack(float32[2,2]{1,2,3,4}) {num=2, axis=1}", {"float32[2]{1,3}", "float32[2]{2,4}"});
  ExpectGives("Unpack(int32[2]{7,8}) {num=2}", {"int32[]{7}", "int32[]{8}"});
  ExpectRefused("Split(int32[]{0}, float32[3]{1}) {num_split=2}", "equal parts");
  ExpectRefused("Split(int32[]{0}, float32[3]{1}) {num_split=0}", "expected 1 to");
  ExpectRefused("Split(int32[]{0}, float32[3]{1}) {num_split=4611686018427387904}", "expected 1 to");
  ExpectRefused("Split(int32[]{1}, float32[2]{1}) {num_split=2}", "axis 1");
  ExpectRefused("SplitV(int32[3]{1}, int32[2]{1,1}, int32[]{0}) {num_split=2}", "add up to 2");
  ExpectRefused("SplitV(int32[3]{1}, int32[2]{-1,-1}, int32[]{0}) {num_split=2}", "more than one");
  ExpectRefused("SplitV(int32[3]{1}, int32[2]{5,-1}, int32[]{0}) {num_split=2}", "add up to 5");
  ExpectRefused("SplitV(int32[3]{1}, int32[1]{3}, int32[]{0}) {num_split=2}", "1 sizes");
  ExpectRefused("Unpack(int32[2]{1}) {num=3}", "'num' is 3");
  ExpectRefused("Unpack(int32[]{1}) {num=1}", "axis 0");
  ExpectInfers("in x:float32[?,4]; s = Split(int32[]{1}, x) {num_split=2}; out y=s:1", "float32[?,2]");
  ExpectInfers("in x:float32[?,4]; s = Shape(x); u = Unpack(s) {num=2}; out y=u:1", "int32[]{4}");
}

TEST(IndexingOps, Gathers) {
  ExpectGives("Gather(float32[3,2]{1,2,3,4,5,6}, int32[2]{2,0})", {"float32[2,2]{5,6,1,2}"});
  ExpectGives("GatherV2(float32[2,3]{1,2,3,4,5,6}, int32[2]{2,0}, int32[]{1})", {"float32[2,2]{3,1,6,4}"});
  ExpectGives("GatherV2(int32[3]{7,8,9}, int32[]{1}, int32[]{0})", {"int32[]{8}"});
  ExpectGives("GatherV2(float32[2,3]{1,2,3,4,5,6}, int32[2,1]{2,0}, int32[]{1}) {batch_dims=1}", {"float32[2,1]{3,4}"});
  ExpectGives("GatherV2(float32[2,3]{1,2,3,4,5,6}, int32[2,1]{2,0}, int32[]{-1}) {batch_dims=-1}",
              {"float32[2,1]{3,4}"});
  ExpectGives("GatherV2(float32[3,0]{}, int32[2]{2,0}, int32[]{0})", {"float32[2,0]{}"});
  ExpectRefused("Gather(float32[3]{1}, int32[1]{3})", "index 3");
  ExpectRefused("Gather(float32[3]{1}, int32[1]{-1})", "index -1");
  ExpectRefused("Gather(float32[]{1}, int32[1]{0})", "");
  ExpectRefused("GatherV2(float32[3]{1}, int32[1]{0}, int32[]{1})", "axis 1");
  ExpectRefused("GatherV2(float32[2,3]{1}, int32[2,1]{0}, int32[]{0}) {batch_dims=1}", "batch");
  ExpectRefused("GatherV2(float32[2,3]{1}, int32[2,1]{0}, int32[]{1}) {batch_dims=5}", "batch_dims is 5");
  ExpectRefused("Gather(float32[3]{1}, float32[1]{0})", "indices");
  ExpectInfers("in x:float32[?,4,5]; y = GatherV2(x, int32[2]{0,1}, int32[]{1}); out y", "float32[?,2,5]");
  ExpectInfers("in x:float32[?,4,5]; s = Shape(x); y = Gather(s, int32[2]{2,0}); out y", "int32[2]{5,?}");
}

TEST(IndexingOps, GathersAndScattersByPlaces) {
  ExpectGives("GatherNd(float32[2,2]{1,2,3,4}, int32[2,2]{1,0,0,1})", {"float32[2]{3,2}"});
  ExpectGives("GatherNd(float32[2,2]{1,2,3,4}, int32[1,1]{1})", {"float32[1,2]{3,4}"});
  ExpectGives("GatherNd(float32[2]{1,2}, int32[3,0]{})", {"float32[3,2]{1,2,1,2,1,2}"});
  ExpectGives("ScatterNd(int32[3,1]{1,0,1}, float32[3]{5,6,7}, int32[1]{3})", {"float32[3]{6,12,0}"});
  ExpectGives("ScatterNd(int32[1,1]{1}, int32[1,2]{5,6}, int32[2]{2,2})", {"int32[2,2]{0,0,5,6}"});
  ExpectRefused("GatherNd(float32[2,2]{1}, int32[1,2]{0,2})", "index 2");
  ExpectRefused("GatherNd(float32[2]{1}, int32[1,2]{0,0})", "axes");
  ExpectRefused("GatherNd(float32[2]{1}, int32[]{0})", "indices");
  ExpectRefused("ScatterNd(int32[1,1]{3}, float32[1]{5}, int32[1]{3})", "index 3");
  ExpectRefused("ScatterNd(int32[1,1]{0}, float32[2]{5,6}, int32[1]{3})", "updates");
  ExpectRefused("ScatterNd(int32[1,1]{0}, float32[1]{5}, int64[1]{4611686018427387904})", "more than");
}

TEST(IndexingOps, MarksOneOfMany) {
  ExpectGives("OneHot(int32[2]{2,0}, int32[]{3}, 5.0, 1.0)", {"float32[2,3]{1,1,5,5,1,1}"});
  ExpectGives("OneHot(int32[2]{2,0}, int32[]{3}, 5.0, 1.0) {axis=0}", {"float32[3,2]{1,5,1,1,5,1}"});
  ExpectGives("OneHot(int32[2]{-1,3}, int32[]{3}, 5.0, 1.0)", {"float32[2,3]{1}"});
  ExpectGives("OneHot(int32[]{1}, int32[]{2}, int32[]{1}, int32[]{0})", {"int32[2]{0,1}"});
  ExpectRefused("OneHot(int32[2]{2,0}, int32[]{-3}, 5.0, 1.0)", "-3");
  ExpectRefused("OneHot(int32[2]{2,0}, int32[]{3}, 5.0, 1.0) {axis=2}", "axis 2");
  ExpectRefused("OneHot(int32[2]{2,0}, int32[]{3}, 5.0, int32[]{1})", "one type");
  ExpectGives("Where(bool[2,2]{true,false,true,true})", {"int64[3,2]{0,0,1,0,1,1}"});
  ExpectGives("Where(float32[3]{0,2,0})", {"int64[1,1]{1}"});
  ExpectGives("MatrixBandPart(float32[3,3]{1}, int32[]{0}, int32[]{-1})", {"float32[3,3]{1,1,1,0,1,1,0,0,1}"});
  ExpectRefused("MatrixBandPart(float32[3]{1}, int32[]{0}, int32[]{-1})", "expected a matrix");
}

TEST(IndexingOps, ChoosesBetweenTwoTensors) {
  ExpectGives("Select(bool[2]{true,false}, float32[2]{1,2}, float32[2]{3,4})", {"float32[2]{1,4}"});
  ExpectGives("Select(bool[2]{true,false}, float32[2,2]{1,2,3,4}, float32[2,2]{5,6,7,8})", {"float32[2,2]{1,2,7,8}"});
  ExpectGives("Select(bool[]{false}, float32[2]{1,2}, float32[2]{3,4})", {"float32[2]{3,4}"});
  ExpectGives("SelectV2(bool[2,1]{true,false}, float32[2]{1,2}, 9.0)", {"float32[2,2]{1,2,9,9}"});
  ExpectRefused("Select(bool[3]{true}, float32[2]{1,2}, float32[2]{3,4})", "condition");
  ExpectRefused("Select(bool[2]{true,false}, float32[2]{1,2}, float32[1]{3})", "between shapes");
  ExpectRefused("SelectV2(bool[2]{true,false}, float32[2]{1,2}, int32[2]{3,4})", "between");
  ExpectRefused("SelectV2(float32[2]{1,0}, float32[2]{1,2}, float32[2]{3,4})", "chooses by float32");
  ExpectRefused("SelectV2(bool[3]{true}, float32[2]{1,2}, 1.0)", "broadcast");
  ExpectInfers("in c:bool?; y = SelectV2(c, int32[2]{1,2}, int32[2]{1,3}); out y", "int32?");
  ExpectInfers("in c:bool[]; y = SelectV2(c, int32[2]{1,2}, int32[2]{1,3}); out y", "int32[2]{1,?}");
}

}  // namespace
}  // namespace permafrost

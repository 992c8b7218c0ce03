#include "tests/runner/opencv_testing.h"

// Ops that move data or change their size, optimized, in the real cv::dnn, against the reference kernels.
namespace permafrost {
namespace {

struct Case {
  const char* name;
  std::string text;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const std::string kConv = R"( {strides=[1,1,1,1], padding="SAME", data_format="NHWC"}; )";
const std::string kValid = R"( {strides=[1,1,1,1], padding="VALID", data_format="NHWC"}; )";
const std::string kImages = "in x:float32[?,5,7,3]; k = float32[3,3,3,4]~1; ";
const std::string kConvX = "c = Conv2D(x, k)" + kConv;
const std::string kSequences = "in x:float32[?,9,4]; t = Tanh(x); ";
const std::string kRows = "in x:float32[?,20]; t = Tanh(x); ";
const std::string kWide = "in x:float32[?,6,8,3]; k = float32[3,3,3,8]~1; c = Conv2D(x, k)" + kConv;
const std::string kSecond = "w = float32[3,3,4,2]~2; ";

const Case kMoves[] = {
    {"HeightAgainstWidth", kImages + kConvX + "t = Transpose(c, int32[4]{0,2,1,3}); y = Relu(t); out y"},
    {"HeightAgainstWidthToConv",
     kImages + kConvX + kSecond + "t = Transpose(c, int32[4]{0,2,1,3}); y = Conv2D(t, w)" + kConv + "out y"},
    {"HeightAgainstWidthToSequence",
     kImages + kConvX + "t = Transpose(c, int32[4]{0,2,1,3}); r = Reshape(t, int32[3]{-1,7,20}); y = Relu(r); out y"},
    {"ChannelsInFrontOfWidth", kImages + kConvX + "t = Transpose(c, int32[4]{0,1,3,2}); y = Sigmoid(t); out y"},
    {"BatchBehind", kImages + kConvX + "t = Transpose(c, int32[4]{1,2,3,0}); y = Sigmoid(t); out y"},
    // What says NCHW further down is heard by the constants of all before it.
    {"RowsPickedIntoAVolume",
     "in x:float32[2,4,3,2]; g = Gather(x, int32[2,3]{0,0,1,1,1,1}); y = Sub(g, float32[2,3,4,3,2]~1); out y"},
    {"InputMadeAVolume",
     "in x:float32[1,3,7,3]; a = Add(x, 0.5); b = Mul(a, x); r = Reshape(b, int32[5]{1,1,3,7,3}); "
     "y = BiasAddV1(r, float32[3]{1,-2,3}); out y"},
    {"ChannelsAgainstHeight", "in x:float32[?,4,5,6]; y = Transpose(x, int32[4]{0,3,2,1}); out y"},
    {"ChannelsAgainstHeightToConv",
     kImages + "t = Transpose(x, int32[4]{0,3,2,1}); w = float32[2,2,5,2]~2; y = Conv2D(t, w)" + kConv + "out y"},
    {"InputTimesItself", "in x:float32[1,6,3,7]; m = Mul(x, x); y = Relu(m); out y"},
    {"VectorsJoinedAsBefore2016",
     "in x:float32[6]; a = Softplus(x); b = Tanh(x); y = Concat(int32[]{0}, x, a, b); out y"},
    {"OneNumberOfAVector",
     "in x:float32[4]; r = Reshape(x, int32[2]{2,2}); m = Max(r, int32[2]{0,1}) {keep_dims=false}; s = Softplus(m); "
     "q = Square(s); y = Reshape(q, int32[2]{1,1}); out y"},
    {"OfAnInput", "in x:float32[?,4,5,6]; t = Transpose(x, int32[4]{0,2,3,1}); y = Sigmoid(t); out y"},
    {"ChannelShuffle", kWide + "a = Reshape(c, int32[5]{-1,6,8,2,4}); t = Transpose(a, int32[5]{0,1,2,4,3}); "
                               "b = Reshape(t, int32[4]{-1,6,8,8}); y = Relu(b); out y"},
    {"PixelShuffle", kWide + "a = Reshape(c, int32[6]{-1,6,8,2,2,2}); t = Transpose(a, int32[6]{0,1,3,2,4,5}); "
                             "y = Reshape(t, int32[4]{-1,12,16,2}); out y"},
    {"Heads",
     "in x:float32[?,5,8]; a = Reshape(x, int32[4]{-1,5,2,4}); t = Transpose(a, int32[4]{0,2,1,3}); "
     "m = Mul(t, 0.5); s = Softmax(m); u = Transpose(s, int32[4]{0,2,1,3}); y = Reshape(u, int32[3]{-1,5,8}); out y"},
    {"BoxesOfAPicture", kWide + "a = Reshape(c, int32[5]{-1,6,8,2,4}); s = Slice(a, int32[5]{0,0,0,0,0}, "
                                "int32[5]{-1,6,8,2,2}); u = Slice(a, int32[5]{0,0,0,0,2}, int32[5]{-1,6,8,2,2}); "
                                "p = Sigmoid(s); e = Exp(u); y = ConcatV2(p, e, int32[]{4}); out y"},
    {"ConstantJoinedChannelsFirst",
     "in x:float32[1,2,16,3]; p = AvgPool(x) {ksize=[1,1,2,2], strides=[1,1,2,2], padding=\"SAME\", data_format=\"NCHW\"}; "
     "y = ConcatV2(p, float32[1,4,8,2]~1, int32[]{1}); out y"},
    {"ConstantJoinedToRowsChannelsFirst",
     "in x:float32[1,2,16,3]; p = AvgPool(x) {ksize=[1,1,2,2], strides=[1,1,2,2], padding=\"SAME\", data_format=\"NCHW\"}; "
     "y = ConcatV2(float32[1,2,3,2]~1, p, int32[]{2}); out y"},
    {"ExpandedPicture", kImages + kConvX + "e = ExpandDims(c, int32[]{3}); y = ConcatV2(e, e, int32[]{3}); out y"},
    {"FiveDims", "in x:float32[?,2,3,4,5]; t = Transpose(x, int32[5]{0,2,1,4,3}); y = Relu(t); out y"},
    {"TransposedSequencesJoined",
     "in x:float32[?,3,4]; k = float32[1,1,3,2]~1; t = Transpose(x, int32[3]{0,2,1}); s = Tanh(t); "
     "j = ConcatV2(t, s, int32[]{1}); r = Reshape(j, int32[4]{-1,2,4,3}); y = Conv2D(r, k)" +
         kConv + "out y"},
    {"JoinedBeforeAPictureIsMade",
     kImages + kConvX +
         "r = Relu(c); j = ConcatV2(c, r, int32[]{3}); s = Slice(j, int32[4]{0,1,1,2}, int32[4]{-1,2,6,4}); "
         "q = Reshape(s, int32[4]{-1,6,2,4}); w = float32[3,3,4,2]~2; y = Conv2D(q, w)" +
         kConv + "out y"},
    {"PackedPictures", kImages + kConvX + "r = Relu(c); y = Pack(c, r) {N=2, axis=0}; out y"},
    {"PackedPicturesBehind", kImages + kConvX + "r = Relu(c); y = Pack(c, r) {N=2, axis=3}; out y"},
    {"ReversedChannels",
     "in x:float32[?,?,?,3]; k = float32[3,3,3,4]~1; r = ReverseV2(x, int32[1]{3}); y = Conv2D(r, k)" + kConv +
         "out y"},
    {"ReversedChannelsBySlice", kImages +
                                    "r = StridedSlice(x, int32[2]{0,0}, int32[2]{0,0}, int32[2]{1,-1}) "
                                    "{ellipsis_mask=1, begin_mask=2, end_mask=2}; y = Conv2D(r, k)" +
                                    kConv + "out y"},
    {"ReversedWidth", kImages + "r = ReverseV2(x, int32[1]{2}); y = Conv2D(r, k)" + kConv + "out y"},
    {"ReversedLongWidth", "in x:float32[?,2,40,3]; r = ReverseV2(x, int32[1]{2}); y = Relu(r); out y"},
    {"ReversedSequence", kSequences + "y = ReverseV2(t, int32[2]{1,2}); out y"},
    {"EveryOtherPixel", kImages + kConvX +
                            "s = StridedSlice(c, int32[4]{0,1,0,0}, int32[4]{0,0,0,0}, int32[4]{1,2,3,1}) "
                            "{begin_mask=13, end_mask=15}; y = Relu(s); out y"},
    {"EveryOtherPixelUpToSome", kImages + kConvX +
                                    "s = StridedSlice(c, int32[4]{0,0,1,0}, int32[4]{0,3,6,0}, int32[4]{1,2,3,1}) "
                                    "{begin_mask=11, end_mask=9}; y = Relu(s); out y"},
    {"EveryOtherChannel", kWide + "y = StridedSlice(c, int32[4]{0,0,0,1}, int32[4]{0,0,0,0}, int32[4]{1,1,1,2}) "
                                  "{begin_mask=7, end_mask=15}; out y"},
    {"EveryThirdOfAVector",
     kRows + "y = StridedSlice(t, int32[2]{0,1}, int32[2]{0,0}, int32[2]{1,3}) {begin_mask=1, end_mask=3}; out y"},
    {"EveryOtherStepOfASequence", kSequences + "y = StridedSlice(t, int32[2]{0,0}, int32[2]{0,0}, int32[2]{1,2}) "
                                               "{begin_mask=3, end_mask=3}; out y"},
    {"ReversedVector",
     kRows + "y = StridedSlice(t, int32[2]{0,0}, int32[2]{0,0}, int32[2]{1,-1}) {begin_mask=3, end_mask=3}; out y"},
    {"GatheredChannels", kWide + "y = GatherV2(c, int32[4]{5,1,3,3}, int32[]{3}); out y"},
    {"GatheredRow", kImages + kConvX + "g = GatherV2(c, int32[]{2}, int32[]{1}); y = Relu(g); out y"},
    {"GatheredSteps", kSequences + "y = GatherV2(t, int32[2,2]{8,0,3,4}, int32[]{-2}); out y"},
    {"CumulatedVector", kRows + "y = Cumsum(t, int32[]{1}); out y"},
    {"CumulatedBackwards", kSequences + "y = Cumsum(t, int32[]{1}) {exclusive=true, reverse=true}; out y"},
    {"TiledChannels", kImages + kConvX + "y = Tile(c, int32[4]{1,1,1,2}); out y"},
    {"TiledPixel", kImages + kConvX +
                       "m = Mean(c, int32[2]{1,2}) {keep_dims=true}; t = Tile(m, int32[4]{1,5,7,1}); "
                       "y = ConcatV2(c, t, int32[]{3}); out y"},
    {"TiledVector", kRows + "y = Tile(t, int32[2]{1,3}); out y"},
    {"RepeatedOften",
     "in x:float32[?,6]; t = Tanh(x); e = ExpandDims(t, int32[]{1}); y = Tile(e, int32[3]{1,30,1}); out y"},
    {"BroadcastPixel",
     "in x:float32[2,5,7,3]; m = Mean(x, int32[2]{1,2}) {keep_dims=true}; t = Tanh(m); "
     "b = BroadcastTo(t, int32[4]{2,5,7,3}); y = AddV2(b, x); out y"},
    {"ConstantForEveryRow",
     "in x:float32[?,3,4]; g = float32[1,1,4]~3; s = Shape(x); n = StridedSlice(s, int32[1]{0}, int32[1]{1}, "
     "int32[1]{1}) "
     "{shrink_axis_mask=1}; p = Pack(n, int32[]{1}, int32[]{4}) {axis=0}; b = BroadcastTo(g, p); "
     "j = ConcatV2(b, x, int32[]{1}); y = Tanh(j); out y"},
    {"CoordinatesBesideAnInput",
     "in x:float32[1,5,7,3]; g = float32[1,5,7,2]~4; k = float32[3,3,5,4]~1; "
     "j = ConcatV2(x, g, int32[]{3}); y = Conv2D(j, k)" +
         kConv + "out y"},
    {"SplitOfUnequalParts",
     kImages + kConvX +
         "s = SplitV(c, int32[2]{1,3}, int32[]{-1}) {num_split=2}; y = Relu(s:1); z = Tanh(s); out y, z"},
    {"SplitWithAPartThatNobodyTakes",
     kImages + kConvX + "s = Split(int32[]{3}, c) {num_split=4}; a = Relu(s:1); y = Add(a, s:3); out y"},
    {"PadOfAHalf", kImages + "p = PadV2(x, int32[4,2]{0,0,1,1,1,1,0,0}, 0.5); y = Conv2D(p, k)" + kValid + "out y"},
    {"PadFarBelow", kImages + kConvX +
                        "p = PadV2(c, int32[4,2]{0,0,1,1,0,1,0,0}, -1e9); y = MaxPool(p) {ksize=[1,3,3,1], "
                        "strides=[1,2,2,1], padding=\"VALID\"}; out y"},
    {"MirroredWithItsEdge", kImages +
                                "p = MirrorPad(x, int32[4,2]{0,0,1,1,2,2,0,0}) {mode=\"SYMMETRIC\"}; y = Conv2D(p, k)" +
                                kValid + "out y"},
    {"MirroredSequence", kSequences + "y = MirrorPad(t, int32[3,2]{0,0,2,1,0,0}) {mode=\"REFLECT\"}; out y"},
    {"BlocksToSpace", kWide + "y = DepthToSpace(c) {block_size=2}; out y"},
    {"BlocksToDepth", kWide + "y = SpaceToDepth(c) {block_size=2}; out y"},
    {"DilatedSequence",
     "in x:float32[?,20,3]; k = float32[1,3,3,4]~1; s = SpaceToBatchND(x, int32[1]{2}, int32[1,2]{2,2}); "
     "e = ExpandDims(s, int32[]{1}); c = Conv2D(e, k)" +
         kValid +
         "q = Squeeze(c) {squeeze_dims=[1]}; b = BatchToSpaceND(q, int32[1]{2}, int32[1,2]{0}); y = Relu(b); out y"},
    {"DilatedCausally",
     "in x:float32[?,20,3]; k = float32[1,3,3,4]~1; s = SpaceToBatchND(x, int32[1]{2}, int32[1,2]{4,0}); "
     "e = ExpandDims(s, int32[]{1}); c = Conv2D(e, k)" +
         kValid +
         "q = Squeeze(c) {squeeze_dims=[1]}; a = BiasAdd(q, float32[4]{1,2,3,4}); b = BatchToSpaceND(a, int32[1]{2}, "
         "int32[1,2]{0}); "
         "y = Relu(b); out y"},
    {"DilatedByAnEvenKernel",
     "in x:float32[?,9,12,3]; k = float32[2,2,3,4]~1; s = SpaceToBatchND(x, int32[2]{3,3}, int32[2,2]{1,2,1,2}); c = "
     "Conv2D(s, k)" +
         kValid + "b = BatchToSpaceND(c, int32[2]{3,3}, int32[2,2]{0}); y = Relu(b); out y"},
    {"DilatedWithABiasForABatch",
     "in x:float32[2,6,8,3]; k = float32[3,3,3,2]~1; c = DepthwiseConv2dNative(x, k) {strides=[1,1,1,1], "
     "padding=\"SAME\", dilations=[1,2,2,1]}; b = AddV2(c, float32[6]{1,2,3,4,5,6}); y = Relu(b); out y"},
    {"DeconvolutionOfOddSize",
     "in x:float32[?,5,7,3]; k = float32[3,3,4,3]~1; s = Shape(x); n = StridedSlice(s, int32[1]{0}, int32[1]{1}, "
     "int32[1]{1}) {shrink_axis_mask=1}; p = Pack(n, int32[]{9}, int32[]{13}, int32[]{4}) {axis=0}; "
     "y = Conv2DBackpropInput(p, k, x) {strides=[1,2,2,1], padding=\"SAME\"}; out y"},
};

class MovedGraph : public ::testing::TestWithParam<Case> {};

TEST_P(MovedGraph, GivesTheSameNumbersInOpenCv) {
  const Graph graph = ParseOrDie(GetParam().text);
  ASSERT_FALSE(graph.outputs().empty());
  const StatusOr<double> error = ErrorWhenOptimized(graph);
  ASSERT_TRUE(error.ok()) << error.status() << "\n" << GetParam().text;
  EXPECT_LE(*error, 1e-4) << GetParam().text;
}

// Of unknown batch, height and width; one file for several sizes.
const std::string kOpen = "in x:float32[?,?,?,3]; k = float32[3,3,3,4]~1; c = Conv2D(x, k)" + kConv;
const std::string kSizeOfC =
    "s = Shape(c); n = StridedSlice(s, int32[1]{0}, int32[1]{1}, int32[1]{1}) {shrink_axis_mask=1}; h = "
    "StridedSlice(s, int32[1]{1}, "
    "int32[1]{2}, int32[1]{1}) {shrink_axis_mask=1}; w = StridedSlice(s, int32[1]{2}, int32[1]{3}, int32[1]{1}) "
    "{shrink_axis_mask=1}; h2 = Mul(h, int32[]{2}); w2 = Mul(w, int32[]{2}); ";

const Case kOpenSizes[] = {
    {"Pooled", kOpen + "p = MaxPool(c) {ksize=[1,2,2,1], strides=[1,2,2,1], padding=\"VALID\"}; y = Relu(p); out y"},
    {"ResizedByTwo",
     kOpen + kSizeOfC +
         "z = Pack(h2, w2) {axis=0}; r = ResizeBilinear(c, z) {half_pixel_centers=true}; y = Relu(r); out y"},
    {"ResizedByTwoWithCorners",
     kOpen + kSizeOfC + "z = Pack(h2, w2) {axis=0}; y = ResizeBilinear(c, z) {align_corners=true}; out y"},
    {"ResizedNearestTwice",
     kOpen + "s = Shape(c); t = StridedSlice(s, int32[1]{1}, int32[1]{3}, int32[1]{1}); z = Mul(t, int32[2]{2,2}); "
             "a = ResizeNearestNeighbor(c, z); b = ResizeNearestNeighbor(c, z) {half_pixel_centers=true}; y = AddV2(a, "
             "b); out y"},
    {"ResizedToAnotherOfItsSize",
     kOpen + "r = Relu(c); s = Shape(x); t = StridedSlice(s, int32[1]{1}, int32[1]{3}, int32[1]{1}); "
             "z = Mul(t, int32[2]{3,3}); y = ResizeNearestNeighbor(r, z); out y"},
    {"PixelSpreadOverAnother",
     kOpen + "m = Mean(c, int32[2]{1,2}) {keep_dims=true}; s = Shape(x); t = StridedSlice(s, int32[1]{1}, int32[1]{3}, "
             "int32[1]{1}); "
             "r = ResizeBilinear(m, t) {align_corners=true}; y = ConcatV2(c, r, int32[]{3}); out y"},
    {"DeconvolutionSame",
     kOpen + kSizeOfC +
         "z = Pack(n, h2, w2, int32[]{5}) {axis=0}; q = float32[4,4,5,4]~2; d = Conv2DBackpropInput(z, q, c) "
         "{strides=[1,2,2,1], padding=\"SAME\"}; b = BiasAdd(d, float32[5]{1,2,3,4,5}); y = Relu(b); out y"},
    {"DeconvolutionValid",
     kOpen + kSizeOfC +
         "h3 = Add(h2, int32[]{1}); w3 = Add(w2, int32[]{1}); z = Pack(n, h3, w3, int32[]{5}) {axis=0}; q = "
         "float32[3,3,5,4]~2; "
         "d = Conv2DBackpropInput(z, q, c) {strides=[1,2,2,1], padding=\"VALID\"}; y = Relu(d); out y"},
    {"DeconvolutionsInARow",
     kOpen + kSizeOfC +
         "z = Pack(n, h2, w2, int32[]{4}) {axis=0}; q = float32[2,2,4,4]~2; d = Conv2DBackpropInput(z, q, c) "
         "{strides=[1,2,2,1], padding=\"SAME\"}; s3 = Shape(d); n3 = StridedSlice(s3, int32[1]{0}, int32[1]{1}, "
         "int32[1]{1}) "
         "{shrink_axis_mask=1}; h3 = StridedSlice(s3, int32[1]{1}, int32[1]{2}, int32[1]{1}) {shrink_axis_mask=1}; "
         "w3 = StridedSlice(s3, int32[1]{2}, int32[1]{3}, int32[1]{1}) {shrink_axis_mask=1}; h4 = Mul(h3, int32[]{2}); "
         "w4 = Mul(w3, int32[]{2}); z4 = Pack(n3, h4, w4, int32[]{4}) {axis=0}; y = Conv2DBackpropInput(z4, q, d) "
         "{strides=[1,2,2,1], padding=\"SAME\"}; out y"},
    {"BlocksToSpace", kOpen + "y = DepthToSpace(c) {block_size=2}; out y"},
    {"BlocksToDepth",
     "in x:float32[?,?,?,3]; d = SpaceToDepth(x) {block_size=2}; k = float32[1,1,12,4]~1; y = Conv2D(d, k)" + kConv +
         "out y"},
    {"Dilated",
     "in x:float32[?,?,?,3]; k = float32[3,3,3,4]~1; y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", "
     "dilations=[1,2,2,1]}; out y"},
    {"Cropped", kOpen + "s = StridedSlice(c, int32[3]{0,1,2}, int32[3]{0,-1,-2}, int32[3]{1,1,1}) {begin_mask=1, "
                        "end_mask=1}; y = Relu(s); out y"},
    {"EveryOtherPixel", kOpen + "s = StridedSlice(c, int32[3]{0,1,0}, int32[3]{0,0,0}, int32[3]{1,2,2}) {begin_mask=5, "
                                "end_mask=7}; y = Relu(s); out y"},
    {"ChannelsTakenApartAndJoined",
     "in x:float32[?,?,?,3]; k = float32[3,3,3,4]~1; u = Unpack(x) {num=3, axis=3}; "
     "p = Pack(u:2, u:1, u) {N=3, axis=3}; y = Conv2D(p, k)" +
         kConv + "out y"},
    {"PaddedByAHalf", kOpen + "p = PadV2(c, int32[4,2]{0,0,1,1,2,0,0,0}, 0.5); y = Relu(p); out y"},
};

class GraphOfOpenSize : public ::testing::TestWithParam<Case> {};

TEST_P(GraphOfOpenSize, RunsAtThreeSizesFromOneFile) {
  const Graph graph = ParseOrDie(GetParam().text);
  ASSERT_FALSE(graph.outputs().empty());
  std::vector<std::vector<NamedTensor>> feeds;
  for (const Shape& shape : {Shape{1, 8, 12, 3}, Shape{1, 16, 10, 3}, Shape{3, 6, 6, 3}}) {
    const auto value = SeededInput({DType::kFloat32, shape, {}}, feeds.size() + 1);
    ASSERT_TRUE(value.ok()) << value.status();
    feeds.push_back({{"x", *value}});
  }
  const StatusOr<double> error = ErrorWhenOptimized(graph, feeds);
  ASSERT_TRUE(error.ok()) << error.status() << "\n" << GetParam().text;
  EXPECT_LE(*error, 1e-4) << GetParam().text;
}

std::string NameOfCase(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Moves, MovedGraph, ::testing::ValuesIn(kMoves), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Sizes, GraphOfOpenSize, ::testing::ValuesIn(kOpenSizes), NameOfCase);

// A file that does not say how many rows come, though its graph takes one number of them.
TEST(MovedGraphs, TakeTheRowsThatAReshapeFixes) {
  const Graph graph = ParseOrDie(
      "in x:float32[?,7,1,3]; t = Tanh(x); r = Reshape(t, int32[2]{3,21}); s = Sigmoid(r); y = Mul(r, s); out y");
  const auto value = SeededInput({DType::kFloat32, Shape{3, 7, 1, 3}, {}}, 1);
  ASSERT_TRUE(value.ok()) << value.status();
  const StatusOr<double> error = ErrorWhenOptimized(graph, {{{"x", *value}}});
  ASSERT_TRUE(error.ok()) << error.status();
  EXPECT_LE(*error, 1e-4);
}

// What cannot be said is refused by name, not guessed.
TEST(MovedGraphs, AreRefusedWhereAConstantIsJoinedToAVolume) {
  const Graph graph = ParseOrDie(
      "in x:float32[1,2,2,2,2]; c = Conv3D(x, float32[1,1,1,2,2]~1) {strides=[1,1,1,1,1], padding=\"VALID\", "
      "data_format=\"NDHWC\"}; y = ConcatV2(c, float32[1,2,2,2,3]~2, int32[]{4}); out y");
  const StatusOr<double> error = ErrorWhenOptimized(graph);
  ASSERT_FALSE(error.ok());
  EXPECT_NE(error.status().ToString().find("order of volumes"), std::string::npos) << error.status();
}

TEST(MovedGraphs, AreRefusedWherePicturesLieInBothWays) {
  const Graph graph = ParseOrDie(
      "in x:float32[1,1,3]; t = Tanh(x); r = Reshape(t, int32[4]{1,1,1,3}); "
      "p = AvgPool(r) {ksize=[1,1,1,3], strides=[1,1,1,1], padding=\"SAME\", data_format=\"NCHW\"}; "
      "b = MaxPool(r) {ksize=[1,1,1,1], strides=[1,1,1,1], padding=\"VALID\", data_format=\"NHWC\"}; y = Add(p, b); out y");
  const StatusOr<double> error = ErrorWhenOptimized(graph);
  EXPECT_FALSE(error.ok()) << *error;
}

TEST(MovedGraphs, AreRefusedWhereTheirSizeIsNoFixedMultiple) {
  const Graph graph = ParseOrDie(
      "in x:float32[?,?,?,3]; k = float32[3,3,3,4]~1; c = Conv2D(x, k) {strides=[1,2,2,1], padding=\"SAME\"}; s = "
      "Shape(x); "
      "t = StridedSlice(s, int32[1]{1}, int32[1]{3}, int32[1]{1}); y = ResizeBilinear(c, t); out y");
  const StatusOr<double> error = ErrorWhenOptimized(graph, {});
  ASSERT_FALSE(error.ok());
  EXPECT_NE(error.status().ToString().find("Shape"), std::string::npos) << error.status();
}

}  // namespace
}  // namespace permafrost

"""What detectors find beside what TensorFlow finds, for scripts/check_detectors and check_tf2_detectors."""
NO_SIDE = 1e-5  # of the picture: what is cut to a line at its edge is nothing; some graphs leave it, others do not


def has_area(box):
    return box[2] - box[0] > NO_SIDE and box[3] - box[1] > NO_SIDE


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / both if both > 0 else 0


def overlap_of_masks(a, b):
    a, b = a >= 0.5, b >= 0.5
    both = (a | b).sum()
    return (a & b).sum() / both if both else 1.0


def match(rows, boxes, scores, classes, offset, least, masks=None, expected_masks=None):
    """Found, missing, the worst IoU (of masks, too) and the worst difference of scores of those above `least`, one to one."""
    left, found, missing, worst_overlap, worst_score = list(range(len(rows))), 0, 0, 1.0, 0.0
    for place, ((top, x1, bottom, x2), score, label) in enumerate(zip(boxes, scores, classes)):
        if score <= least or not has_area((x1, top, x2, bottom)):
            continue
        fits = [(overlap((x1, top, x2, bottom), rows[i][3:]), i) for i in left
                if int(rows[i][1]) + offset == int(label) and abs(rows[i][2] - score) < 1e-3]
        best, index = max(fits, default=(0.0, -1))
        if masks is not None and index >= 0:
            best = min(best, overlap_of_masks(masks[index][int(rows[index][1])], expected_masks[place]))
        if best < 0.99:
            missing += 1
            continue
        left.remove(index)
        found, worst_overlap = found + 1, min(worst_overlap, best)
        worst_score = max(worst_score, abs(float(rows[index][2]) - float(score)))
    return found, missing, worst_overlap, worst_score

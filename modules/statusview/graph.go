// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"math"
	"strconv"
)

// Width and Height are the size of the box in which paths of graphs are.
const (
	Width  = 360
	Height = 60
)

// Graph shows values over time, the oldest at the left.
type Graph struct {
	ID, Title, Unit string
	// Now is the last value, Peak the highest that is shown, with units.
	Now, Peak string
	Series    []Series
}

// Series is a line of a graph.
type Series struct {
	Name string `json:"name"`
	// Class is in, out, or one of the classes of cells.
	Class string `json:"class,omitempty"`
	// Path is the line in SVG's path language, within Width and Height.
	Path string `json:"d"`
}

// Line returns the path of values, the oldest first: from 0 at the bottom to highest at the top.
// NaN is a gap.
func Line(values []float64, highest float64) string {
	if highest <= 0 {
		highest = 1
	}
	var path []byte
	pen := byte('M')
	step := float64(Width) / float64(max(1, len(values)-1))
	for i, v := range values {
		if math.IsNaN(v) {
			pen = 'M'
			continue
		}
		path = append(path, pen)
		path = appendShort(path, float64(i)*step)
		path = append(path, ' ')
		path = appendShort(path, Height*(1-min(1, max(0, v/highest))))
		pen = 'L'
	}
	return string(path)
}

// appendShort appends a number with at most one digit after the point.
func appendShort(b []byte, v float64) []byte {
	return strconv.AppendFloat(b, math.Round(v*10)/10, 'f', -1, 64)
}

package drivertest

// performanceRules are measured by Benchmark; in a run they stand for the record.
func performanceRules() []rule {
	return []rule{
		{"PERF-01", Perf, "Throughput by size of object, for put, get and stream.", byBenchmark, 0},
		{"PERF-02", Perf, "The cost of appending grows with the bytes, not with what is there.", byBenchmark, 0},
		{"PERF-03", Perf, "Latency of small calls: median, 90th and 99th percentile.", byBenchmark, 0},
		{"PERF-04", Perf, "List and Walk cost in proportion to the entries.", byBenchmark, 0},
		{"PERF-05", Perf, "Writers and readers side by side.", byBenchmark, 0},
		{"PERF-06", Perf, "Requests to the back-end for each call.", nil, 0},
		{"PERF-07", Perf, "A page of a walk costs as the page, not as the tree.", byBenchmark, 0},
		{"PERF-08", Perf, "Allocations for each call.", byBenchmark, 0},
		{"PERF-09", Perf, "No single directory of the back-end takes all segments.", nil, 0},
		{"PERF-10", Perf, "Memory after many uploads is what it was.", byBenchmark, 0},
		{"PERF-11", Perf, "Move of a large object, against its copying.", byBenchmark, 0},
		{"PERF-12", Perf, "Time from Reader to the first byte.", byBenchmark, 0},
	}
}

func byBenchmark(x *trial) { x.inconclusive("measured by Benchmark") }

// pending are the rules that have no code yet, each with what is missing.
var pending = map[string]string{
	"MOVE-08": "a hook that spreads one store over two file systems",
	"CRSH-10": "a file system that drops what was not flushed",
	"LEAK-07": "a hook that counts simultaneous calls to the back-end",
	"PERF-06": "a hook that counts requests to the back-end",
	"PERF-09": "a hook that shows the keys of segments",
}

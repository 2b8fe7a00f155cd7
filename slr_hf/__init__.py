"""slr_hf: isolated sign language recognition from body keypoints.

model: what travels to the Hub. data: clips as datasets. training: recipes, stages, evaluation. hub: saving with a card,
and export. live: signs in streams and long videos. benchmarks: what scripts/benchmark.py measures. commands: what the
scripts share. whole_files: how files are written.
Nothing is imported here, so that `import slr_hf` costs nothing; import from the room you need, for example
`from slr_hf.model.pipeline_slr import SignRecognitionPipeline`.
"""

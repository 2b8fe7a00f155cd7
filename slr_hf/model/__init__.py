"""What travels to the Hub: the configuration, landmark layout, extractor, processor, model and pipeline.

The folder is flat and imports only its own files, torch, numpy and transformers, so that a saved model loads with
`trust_remote_code=True` where slr_hf is not installed.
"""

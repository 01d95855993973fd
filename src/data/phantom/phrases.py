"""The phantom report's sentences about what is not there, what is incidental, and what does not matter."""

ABSENT: dict[str, tuple[str, ...]] = {
    "effusion": ("pleural effusion", "effusion"),
    "pneumothorax": ("pneumothorax",),
    "consolidation": ("focal consolidation", "consolidation", "lobar consolidation"),
    "edema": ("pulmonary edema", "edema", "overt pulmonary edema"),
    "nodule": ("pulmonary nodule", "suspicious nodule"),
    "atelectasis": ("atelectasis",),
}
ABSENT_FRAMES = (
    "There is no {list}",
    "No {list}",
    "No {list} is seen",
    "No evidence of {list}",
    "No {list} is identified",
    "There is no evidence of {list}",
)
NORMAL_HEART = (
    "Heart size is normal",
    "The heart is normal in size",
    "The cardiac silhouette is not enlarged",
    "No cardiomegaly",
    "The cardiac contours are within normal limits",
)
NO_FRACTURE = (
    "No displaced rib fracture is identified",
    "No acute osseous abnormality",
    "The osseous structures are intact",
    "No acute fracture is seen",
)
NO_DEVICE = ("No support devices are present", "No lines or tubes are seen")
CLEAR = ("The lungs are clear", "Both lungs are clear", "Lungs are clear and well aerated bilaterally")
NORMAL = (
    "No acute cardiopulmonary process",
    "No acute intrathoracic abnormality",
    "No acute abnormality of the chest",
    "No radiographic evidence of acute cardiopulmonary disease",
)

LOW_VOLUMES = ("Lung volumes are low", "Low lung volumes", "The lungs are underinflated with high hemidiaphragms")
HIGH_VOLUMES = ("The lungs are hyperinflated", "Hyperinflated lungs with low hemidiaphragms", "Lung volumes are large")
WIDE_AORTA = ("The aorta is tortuous", "The aortic knob is prominent", "Unfolded and tortuous thoracic aorta")
SCOLIOSIS = ("{Side} convex scoliosis of the thoracic spine", "The thoracic spine is scoliotic, convex to the {side}")
BUBBLE = ("Gas is seen in the stomach under the left hemidiaphragm", "The gastric bubble is distended")
UNDER = ("The film is underpenetrated and light", "Technique is limited by underpenetration")
OVER = ("The film is overpenetrated and dark", "Technique is limited by overpenetration")

SEEN_BEFORE = {
    "new": (", new since the prior study", ", new compared to prior", ", which is new"),
    "unchanged": (", unchanged", ", unchanged from prior", ", stable compared to the prior study"),
    "worse": (", increased compared to prior", ", worse since the previous radiograph", ", increased in the interval"),
    "better": (", decreased compared to prior", ", improved since the previous radiograph"),
}
INTERVAL = (
    "Compared to the prior study there is no other relevant change",
    "No other interval change compared to prior",
)

ASIDES = (
    "Clinical correlation is recommended",
    "The upper abdomen is unremarkable",
    "The trachea is midline",
    "The findings were discussed with Dr. ___ by telephone at the time of discovery",
    "Follow up radiographs are recommended as clinically indicated",
    "Evaluation is limited by overlying soft tissues",
    "A lateral view would be helpful if clinically warranted",
    "Degenerative changes are noted in the shoulders",
)
EXAMINATIONS = ("CHEST (PA AND LAT)", "CHEST (PORTABLE AP)", "CHEST RADIOGRAPH", "CHEST (SINGLE VIEW)")
INDICATIONS = (
    "___ year old woman with cough // evaluate for acute process",
    "___ year old man with dyspnea // acute cardiopulmonary process?",
    "___M with chest pain",
    "___F with fever and shortness of breath // ?pneumonia",
    "History: ___M status post fall",
    "___ year old patient in the intensive care unit // interval change",
    "___F with weakness, evaluate for infection",
    "Preoperative evaluation",
)
EARLIER = (
    "Chest radiograph from ___",
    "___",
    "Radiographs of the chest dated ___",
    "Comparison is made to prior study of ___",
)
NO_EARLIER = ("None", "None available", "No prior studies available")
